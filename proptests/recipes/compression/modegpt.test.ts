import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matrix, norm, random, svdvals } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { compression } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, YARDSTICK, minus, tail, times } from '../../support/measures.js'
import { gramOf } from './layers.js'

const { modegpt } = compression

const modules = fc.record({
  seed: fc.nat(2 ** 31 - 1),
  n: fc.integer({ min: 1, max: 12 }),
  h: fc.integer({ min: 2, max: 16 }),
  m: fc.integer({ min: 1, max: 12 }),
  samples: fc.integer({ min: 1, max: 50 }),
  part: fc.integer({ min: 1, max: 100 }),
})

const rowsOf = (A: Matrix, I: ArrayLike<number>): Matrix =>
  matrix(Array.from(I, (i) => Array.from({ length: A.shape[1]! }, (_, j) => A.get(i, j))))

const normal = (shape: [number, number], seed: number): Matrix => random.normal(shape, { seed })

const relu = (Z: Matrix): Matrix =>
  matrix(
    Z.data.map((z) => Math.max(0, z)),
    Z.shape as [number, number],
  )

describe('modegpt', () => {
  test('mlp: no other weights of the units that stay come nearer, and with all units nothing changes', () => {
    fc.assert(
      fc.property(modules, ({ seed, n, h, m, samples, part }) => {
        const [up, down] = [normal([h, n], seed), normal([m, h], seed + 1)]
        const Z = relu(times(up, normal([n, samples], seed + 2)))
        const rank = Math.max(1, Math.floor((part / 100) * h))
        const found = modegpt({ rank }).mlp({ up, down }, { gram: gramOf(Z) })
        const outputs = times(down, Z)
        const hidden = rowsOf(Z, found.kept)
        const residual = minus(outputs, times(found.down, hidden))
        // Normal equations of least squares, and the Gram matrix's √eps.
        const room = YARDSTICK * Math.sqrt(EPS * (h + samples)) * (norm(down) + norm(found.down)) * norm(Z)
        expect(norm(times(residual, hidden.transpose(1, 0)))).toBeLessThanOrEqual(room * norm(Z))
        const dropped = minus(
          outputs,
          times(rowsOf(matrix(down.transpose(1, 0)), found.kept).transpose(1, 0), hidden),
        )
        expect(norm(residual)).toBeLessThanOrEqual(norm(dropped) + room)
        expect(Math.abs(found.errorEstimate * norm(outputs) - norm(residual))).toBeLessThanOrEqual(room)
        expect(found.up.data).toEqual(rowsOf(up, found.kept).data)
        expect(found.parameters).toBe(rank * (n + m))
        expect(found.down.shape).toEqual([m, rank])
        const all = modegpt({ rank: h }).mlp({ up, gate: up, down }, { gram: gramOf(Z) })
        expect(all).toMatchObject({ errorEstimate: 0, parameters: h * (2 * n + m) })
        expect(all.down.data).toEqual(down.data)
        expect(all.gate!.data).toEqual(up.data)
      }),
      RUNS,
    )
  })

  test('mlp: the order of the hidden units does not matter', () => {
    fc.assert(
      fc.property(modules, ({ seed, n, h, m, samples }) => {
        const [up, down] = [normal([h, n], seed), normal([m, h], seed + 1)]
        const Z = relu(times(up, normal([n, samples + h], seed + 2)))
        const backwards = Array.from({ length: h }, (_, i) => h - 1 - i)
        const turn = (A: Matrix): Matrix => rowsOf(A, backwards)
        const rank = Math.ceil(h / 2)
        const one = modegpt({ rank }).mlp({ up, down }, { gram: gramOf(Z) })
        const turned = { up: turn(up), down: matrix(turn(matrix(down.transpose(1, 0))).transpose(1, 0)) }
        const other = modegpt({ rank }).mlp(turned, { gram: gramOf(turn(Z)) })
        const mapped = Array.from(other.kept, (i) => h - 1 - i).sort((a, b) => a - b)
        // Dead units are all alike: which of them stays is a matter of order.
        const dead = Array.from({ length: h }, (_, i) => norm(rowsOf(Z, [i]))).some((size) => size === 0)
        if (!dead) expect(Array.from(one.kept)).toEqual(mapped)
      }),
      RUNS,
    )
  })

  test('queryKey: the error is that of the logits without the units that go; pairs go together', () => {
    fc.assert(
      fc.property(modules, fc.boolean(), ({ seed, n, h: given, samples, part }, rotary) => {
        const h = rotary ? given + (given % 2) : given
        const [query, key] = [normal([h, n], seed), normal([h, n], seed + 1)]
        const [Q, K] = [
          times(query, normal([n, samples], seed + 2)),
          times(key, normal([n, samples], seed + 3)),
        ]
        const some = Math.max(1, Math.floor((part / 100) * h))
        const rank = rotary ? some + (some % 2) : some
        const statistics = { query: { gram: gramOf(Q) }, key: { gram: gramOf(K) } }
        const found = modegpt({ rank, rotary }).queryKey({ query, key }, statistics)
        const logits = times(Q, K, true)
        const left = times(rowsOf(Q, found.kept), rowsOf(K, found.kept), true)
        const room = YARDSTICK * Math.sqrt(EPS * (h + samples)) * norm(Q) * norm(K)
        expect(Math.abs(found.errorEstimate * norm(logits) - norm(minus(logits, left)))).toBeLessThanOrEqual(
          room,
        )
        expect(found.parameters).toBe(2 * rank * n)
        expect(found.query.data).toEqual(rowsOf(query, found.kept).data)
        expect(found.key.data).toEqual(rowsOf(key, found.kept).data)
        const kept = new Set(found.kept)
        expect(kept.size).toBe(rank)
        if (rotary) for (let i = 0; i < h / 2; i++) expect(kept.has(i)).toBe(kept.has(i + h / 2))
        else {
          const score = (i: number): number => norm(rowsOf(Q, [i])) * norm(rowsOf(K, [i]))
          const least = Math.min(...Array.from(found.kept, score))
          const most = Math.max(0, ...Array.from({ length: h }, (_, i) => (kept.has(i) ? 0 : score(i))))
          expect(most).toBeLessThanOrEqual(least + room)
        }
      }),
      RUNS,
    )
  })

  test('valueOutput: the error is the tail of output·value·X, and at full rank nothing is lost', () => {
    fc.assert(
      fc.property(modules, ({ seed, n, h, m, samples, part }) => {
        const [value, output] = [normal([h, n], seed), normal([m, h], seed + 1)]
        const X = normal([n, samples], seed + 2)
        const most = Math.min(n, h, m)
        const rank = Math.max(1, Math.floor((part / 100) * most))
        const found = modegpt({ rank }).valueOutput({ value, output }, { gram: gramOf(X) })
        const whole = times(times(output, value), X)
        const error = norm(minus(whole, times(found.toDense(), X)))
        const room = YARDSTICK * Math.sqrt(EPS * (n + samples)) * norm(value) * norm(output) * norm(X)
        expect(Math.abs(error - tail(svdvals(whole), rank))).toBeLessThanOrEqual(room)
        expect(Math.abs(found.errorEstimate * norm(whole) - error)).toBeLessThanOrEqual(room)
        expect(found.parameters).toBe(rank * (m + n))
        const exact = modegpt({ rank: most }).valueOutput({ value, output }, { gram: gramOf(X) })
        expect(exact.errorEstimate * norm(whole)).toBeLessThanOrEqual(room)
      }),
      RUNS,
    )
  })
})
