import assert from 'node:assert/strict'
import type { Workspace } from '../../src/linalg/wasm/workspace.js'
import { EPS, columns, near, numbers, put, take } from './checking.js'

// What the kernels of the elimination family must do, against the plain ones, which compute the same numbers
// in another order.

const SHAPES = [
  [0, 3],
  [3, 0],
  [1, 1],
  [1, 4],
  [2, 1],
  [4, 4],
  [5, 3],
  [3, 7],
  [9, 6],
  [17, 16],
  [64, 17],
  [201, 33],
] as const

/** Runs one kernel on both on a column-major m × n matrix with three rows of guard numbers between columns. */
function both<T>(
  spaces: readonly Workspace[],
  m: number,
  n: number,
  A: Float64Array,
  run: (w: Workspace, a: number, lda: number) => T,
): { result: T; A: Float64Array }[] {
  const lda = m + 3
  return spaces.map((w) => {
    w.clear()
    const padded = new Float64Array(lda * n).fill(7)
    for (let j = 0; j < n; j++) padded.set(A.subarray(j * m, j * m + m), j * lda)
    const a = put(w, padded)
    const result = run(w, a, lda)
    const given = take(w, a, lda * n)
    w.clear()
    for (let j = 0; j < n; j++)
      for (let i = m; i < lda; i++) assert.equal(given[i + j * lda], 7, 'a guard number')
    return { result, A: columns(m, n, (i, j) => given[i + j * lda]!) }
  })
}

export function eliminationChecks(ws: Workspace, reference: Workspace): Record<string, () => void> {
  const spaces = [ws, reference]
  const lu = (m: number, n: number, A: Float64Array, pivoting: number) => {
    const [given, expected] = both(spaces, m, n, A, (w, a, lda) => {
      const pivots = put(w, new Float64Array(n + 1).fill(-1))
      const result = w.kernels.luPanel(m, n, a, lda, pivots, pivoting)
      return [result, ...take(w, pivots, n + 1)]
    })
    return { given: given!, expected: expected! }
  }
  return {
    'luPanel against plain': () => {
      for (const [m, n] of SHAPES) {
        for (const pivoting of [0, 1]) {
          const A = columns(m, n, numbers(m + 31 * n))
          if (!pivoting) for (let t = 0; t < Math.min(m, n); t++) A[t * m + t]! += 40
          const { given, expected } = lu(m, n, A, pivoting)
          const what = `luPanel(${m}, ${n}, ${pivoting})`
          assert.deepEqual(given.result, expected.result, what)
          assert.equal(given.result[0], n, what)
          near(given.A, expected.A, 40 * (m + n) * EPS * (pivoting ? 4 : 40), what)
        }
      }
    },
    'luPanel of columns that vanish, of ties, and of tiny and huge pivots': () => {
      const hard: Record<string, (i: number, j: number) => number> = {
        zero: () => 0,
        'equal columns': (i) => i - 2,
        ties: (i, j) => ((i + j) % 2 ? -1 : 1),
        'zero column': (i, j) => (j === 1 ? 0 : (i * 7 + j * 3) % 5),
        tiny: (i, j) => Math.sin(3 * i + j * j) * 1e-303,
        huge: (i, j) => Math.sin(3 * i + j * j) * 1e303,
      }
      for (const [m, n] of SHAPES) {
        for (const [name, entry] of Object.entries(hard)) {
          const A = columns(m, n, entry)
          const { result, A: F } = lu(m, n, A, 1).given
          const perm = Array.from({ length: m }, (_, i) => i)
          for (let k = 0; k < Math.min(m, n); k++) {
            const r = result[1 + k]!
            ;[perm[k], perm[r]] = [perm[r]!, perm[k]!]
          }
          const unit = { tiny: 1e-303, huge: 1e303 }[name] ?? m
          for (let j = 0; j < n; j++) {
            const column = Float64Array.from({ length: m }, (_, i) => {
              let sum = 0
              for (let k = 0; k <= Math.min(i, j); k++)
                sum += (i === k ? 1 : F[i + k * m]!) * (F[k + j * m]! / unit)
              return sum
            })
            const expected = perm.map((i) => A[i + j * m]! / unit)
            near(column, expected, 40 * (m + n) * EPS, `${name} ${m}×${n}, column ${j} of L·U`)
          }
        }
      }
    },
    'luPanel without pivoting ends at a zero pivot': () => {
      const { given, expected } = lu(
        3,
        3,
        columns(3, 3, (i, j) => [1, 2, 3, 2, 4, 9, 5, 6, 7][3 * i + j]!),
        0,
      )
      assert.deepEqual([given.result[0], expected.result[0]], [1, 1])
      const { given: passed } = lu(
        3,
        3,
        columns(3, 3, (i, j) => [1, 2, 3, 2, 4, 6, 5, 10, 7][3 * i + j]!),
        0,
      )
      assert.equal(passed.result[0], 3)
    },
    'choleskyPanel against plain': () => {
      for (const [m, n] of SHAPES) {
        if (m < n) continue
        const A = columns(m, n, numbers(m + n))
        for (let t = 0; t < n; t++) A[t * m + t] = m
        // Above the diagonal nothing is touched.
        for (let j = 0; j < n; j++) for (let i = 0; i < j; i++) A[i + j * m] = 5
        const [given, expected] = both(spaces, m, n, A, (w, a, lda) => w.kernels.choleskyPanel(m, n, a, lda))
        assert.deepEqual([given!.result, expected!.result], [n, n])
        near(given!.A, expected!.A, 40 * (m + n) * EPS, `choleskyPanel(${m}, ${n})`)
        for (let j = 0; j < n; j++) for (let i = 0; i < j; i++) assert.equal(given!.A[i + j * m], 5)
      }
    },
    'choleskyPanel says which pivot fails': () => {
      for (const bad of [-1, 0, NaN]) {
        for (let at = 0; at < 7; at++) {
          const A = columns(9, 7, (i, j) => (i === j ? (i === at ? bad : 2) : 0))
          for (const { result } of both(spaces, 9, 7, A, (w, a, lda) =>
            w.kernels.choleskyPanel(9, 7, a, lda),
          ))
            assert.equal(result, at)
        }
      }
    },
    'eliminate against plain': () => {
      for (const [m, n] of SHAPES) {
        if (m === 0 || n === 0) continue
        for (const pivot of [2, 0]) {
          const A = columns(m, n, numbers(3 * m + n))
          A[0] = pivot
          if (pivot === 0) for (let i = 1; i < m; i++) A[i] = 0
          const results: { result: number; A: Float64Array }[] = both(spaces, m, n, A, (w, a, lda) =>
            w.kernels.eliminate(m, n, a, lda),
          )
          const [given, expected] = results
          assert.equal(given!.result, expected!.result, `eliminate(${m}, ${n})`)
          near(given!.A, expected!.A, 8 * EPS, `eliminate(${m}, ${n})`)
        }
      }
      const ones = columns(4, 3, () => 1)
      for (const { result } of both(spaces, 4, 3, ones, (w, a, lda) => w.kernels.eliminate(4, 3, a, lda)))
        assert.equal(result, 0)
    },
    'solveRows against plain': () => {
      for (const n of [0, 1, 2, 3, 8, 31, 33]) {
        for (const r of [0, 1, 2, 3, 7, 8, 9, 17]) {
          for (const [upper, unit] of [
            [0, 0],
            [0, 1],
            [1, 0],
            [1, 1],
          ] as const) {
            for (const [trs, tcs] of [
              [1, n + 2],
              [n + 1, 1],
            ] as const) {
              const next = numbers(n + r)
              const T = new Float64Array((n + 2) * n + 1)
              for (let i = 0; i < n; i++) {
                for (let j = 0; j < n; j++) {
                  const inside = upper ? j > i : j < i
                  T[i * trs + j * tcs] = inside ? next() / n : i === j && !unit ? 2 + next() : NaN
                }
              }
              const ldx = r + 2
              const X = Array.from({ length: n * ldx }, next)
              const [given, expected] = spaces.map((w) => {
                w.clear()
                const [t, x] = [put(w, T), put(w, X)]
                w.kernels.solveRows(n, r, t, trs, tcs, upper, unit, x, ldx)
                const out = take(w, x, n * ldx)
                w.clear()
                return out
              })
              near(given!, expected!, 20 * (n + 2) * EPS, `solveRows(${n}, ${r}, ${upper}, ${unit}, ${trs})`)
              for (let i = 0; i < n; i++)
                for (let j = r; j < ldx; j++) assert.equal(given![i * ldx + j], X[i * ldx + j])
            }
          }
        }
      }
    },
  }
}
