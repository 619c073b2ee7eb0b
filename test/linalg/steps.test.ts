import { describe, expect, test } from 'vitest'
import { NotFiniteError, ShapeError, asOperator, operator, random } from '../../src/linalg/index.js'
import type { LinearOperator, Matrix, Progress } from '../../src/linalg/index.js'
import { fromSteps, runAsync, runSync, wait } from '../../src/linalg/steps.js'
import type { Steps } from '../../src/linalg/steps.js'
import { pca, rsvd } from '../../src/factorize/index.js'

const A = random.normal([300, 200], { seed: 1 })

describe('the two drivers', () => {
  function* sumSteps(parts: readonly unknown[], log: string[]): Steps<number> {
    try {
      let sum = 0
      for (const part of parts) sum += (yield* wait(part)) as number
      return sum
    } finally {
      log.push('freed')
    }
  }

  test('answer alike, and free what is held', async () => {
    const log: string[] = []
    expect(runSync(sumSteps([1, 2, 3], log))).toBe(6)
    expect(await runAsync(sumSteps([1, Promise.resolve(2), 3], log))).toBe(6)
    expect(log).toEqual(['freed', 'freed'])
  })

  test('a rejected product is thrown into the method, whose finally blocks run', async () => {
    const log: string[] = []
    const failure = new Error('lost')
    await expect(runAsync(sumSteps([1, Promise.reject(failure)], log))).rejects.toBe(failure)
    expect(log).toEqual(['freed'])
  })

  test('a method may handle a rejection', async () => {
    function* steps(): Steps<string> {
      try {
        yield* wait(Promise.reject(new Error('no')))
        return 'answered'
      } catch {
        return 'handled'
      }
    }
    expect(await runAsync(steps())).toBe('handled')
  })

  test('a Promise in a synchronous call is a clear error', () => {
    const log: string[] = []
    expect(() => runSync(sumSteps([Promise.resolve(1)], log))).toThrow(/declares async: true/)
    expect(log).toEqual(['freed'])
  })

  test('an abort before the start runs nothing', async () => {
    const log: string[] = []
    const signal = AbortSignal.abort()
    await expect(runAsync(sumSteps([1], log), { signal })).rejects.toBe(signal.reason)
    expect(() => runSync(sumSteps([1], log), { signal })).toThrow(signal.reason as Error)
    expect(log).toEqual([])
  })

  test('fromSteps takes options from after the operands', () => {
    const seen: Progress[] = []
    const f = fromSteps(function* (x: number, _options?: object): Steps<number> {
      yield { progress: { method: 'f', stage: 'only', done: 0, total: 1 } }
      return x
    }, 1)
    expect(f(3, { onProgress: (p: Progress) => seen.push(p) })).toBe(3)
    expect(seen).toEqual([{ method: 'f', stage: 'only', done: 0, total: 1 }])
  })
})

describe('abort and progress of a real method', () => {
  test('progress never goes back and reaches its total', () => {
    for (const method of ['power', 'krylov', 'singlePass'] as const) {
      const seen: Progress[] = []
      rsvd(A, { rank: 5, method, onProgress: (p) => seen.push(p) })
      const shares = seen.map(({ done, total }) => done / total)
      expect(seen.length).toBeGreaterThan(1)
      expect(shares).toEqual([...shares].sort((a, b) => a - b))
      expect(shares.at(-1)).toBe(1)
      expect(new Set(seen.map((p) => p.method))).toEqual(new Set(['rsvd']))
    }
    const names = new Set<string>()
    pca(A, { rank: 5, onProgress: (p) => names.add(p.method) })
    expect(names).toEqual(new Set(['pca']))
  })

  test('an abort between steps throws signal.reason, sync and async, and a new call works', async () => {
    const run = (): { signal: AbortSignal; onProgress: () => void; reason: Error } => {
      const controller = new AbortController()
      const reason = new Error('enough')
      return { signal: controller.signal, onProgress: () => controller.abort(reason), reason }
    }
    const { reason, ...sync } = run()
    expect(() => rsvd(A, { rank: 5, ...sync })).toThrow(reason)
    const other = run()
    const { reason: otherReason, ...async } = other
    await expect(rsvd.async(A, { rank: 5, ...async })).rejects.toBe(otherReason)
    const plain = new AbortController()
    plain.abort()
    expect(() => rsvd(A, { rank: 5, signal: plain.signal })).toThrow(
      expect.objectContaining({ name: 'AbortError' }) as Error,
    )
    expect(rsvd(A, { rank: 5 }).rank).toBe(5)
  })

  test('what onProgress throws ends the call', () => {
    const failure = new Error('from the caller')
    const onProgress = (): void => {
      throw failure
    }
    expect(() => rsvd(A, { rank: 5, onProgress })).toThrow(failure)
  })

  test('the event loop has its turn while rsvd.async works', async () => {
    const large = random.normal([3000, 1000], { seed: 2 })
    // The best of some runs: a shared machine takes the processor away now and then, for longer than any gap
    // of ours. The first run compiles.
    let longest = Infinity
    for (let run = 0; run < 8 && longest > 2 * 16; run++) {
      longest = Math.min(longest, await longestGap(() => rsvd.async(large, { rank: 30 })))
    }
    expect(longest).toBeLessThanOrEqual(2 * 16)
  })
})

/** The longest time between two turns of the event loop, in ms, while `work` runs. */
async function longestGap(work: () => Promise<unknown>): Promise<number> {
  let last = performance.now()
  let longest = 0
  let running = true
  const turn = (): void => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  turn()
  running = false
  return longest
}

describe('what operators answer is checked', () => {
  const dense = asOperator(A)
  const wrong = (matmat: (X: Matrix) => unknown): LinearOperator =>
    operator({
      shape: [300, 200],
      matmat: matmat as LinearOperator['matmat'],
      rmatmat: (Y) => dense.rmatmat(Y),
    })

  test.each([
    ['a wrong shape', () => random.normal([300, 3]), ShapeError],
    ['nothing', () => undefined, ShapeError],
    ['NaN', (X: Matrix) => nan(300, X.shape[1]!), NotFiniteError],
    ['a Promise without async: true', (X: Matrix) => Promise.resolve(dense.matmat(X)), ShapeError],
  ])('%s', (_, matmat, error) => {
    expect(() => rsvd(wrong(matmat), { rank: 3 })).toThrow(error)
  })

  test('an operator that answers with what it was handed, or keeps its answer, is left alone', () => {
    const kept: Matrix[] = []
    const identity = operator({
      shape: [50, 50],
      matmat: (X) => (kept.push(X), X),
      rmatmat: (Y) => Y,
    })
    const { s } = rsvd(identity, { rank: 3, rtol: 0.1 })
    s.forEach((value) => expect(Math.abs(value - 1)).toBeLessThan(30 * 50 * 2 ** -52))
    const copies = kept.map((X) => X.data.slice())
    rsvd(identity, { rank: 3 })
    copies.forEach((copy, t) => expect(kept[t]!.data).toEqual(copy))
  })

  function nan(rows: number, cols: number): Matrix {
    const M = random.normal([rows, cols])
    M.data[1] = NaN
    return M
  }
})
