import assert from 'node:assert/strict'
import type { Workspace } from '../../src/linalg/wasm/workspace.js'
import { EPS, columns, near, numbers, put, take } from './checking.js'

// The kernels of eigh and svd: symv and rotateColumns.

/** Sweeps [first, rotations, step] over n columns, as the kernel takes them. */
function stream(sweeps: readonly (readonly [number, number, 1 | -1])[], seed: number): Float64Array {
  const next = numbers(seed)
  return Float64Array.from(
    sweeps.flatMap(([first, length, step]) => [
      first,
      step * length,
      ...Array.from({ length }, next).flatMap((x) => [Math.cos(4 * x), Math.sin(4 * x)]),
    ]),
  )
}

export function spectralChecks(ws: Workspace, reference: Workspace): Record<string, () => void> {
  return {
    'symv against plain, of a lower triangle above which lies NaN': () => {
      for (const n of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 34, 101]) {
        const next = numbers(n)
        const lda = n + 3
        const A = columns(lda, n, (i, j) => (i < j || i >= n ? NaN : next()))
        const x = Array.from({ length: n }, next)
        const run = (w: Workspace): Float64Array => {
          w.clear()
          const [a, v, y] = [put(w, A), put(w, x), put(w, new Float64Array(n + 1).fill(7))]
          w.kernels.symv(n, a, lda, v, y)
          return take(w, y, n + 1)
        }
        near(run(ws), run(reference), 4 * (n + 2) * EPS * (n + 1), `symv(${n})`)
      }
    },
    'rotateColumns against plain': () => {
      for (const m of [0, 1, 2, 7, 8, 9, 15, 16, 17, 40]) {
        for (const n of [2, 3, 9, 33]) {
          const sweeps = [
            [0, n - 1, 1],
            [n - 2, n - 1, -1],
            [Math.floor((n - 2) / 2), 1, 1],
            [Math.floor((n - 2) / 2), 1, -1],
            [1 % (n - 1), n - 1 - (1 % (n - 1)), 1],
          ] as const
          const next = numbers(m + n)
          const lda = m + 2
          const A = columns(lda, n, next)
          const run = (w: Workspace): Float64Array => {
            w.clear()
            const [a, s, work] = [put(w, A), put(w, stream(sweeps, n)), w.alloc64(8 * n)]
            w.kernels.rotateColumns(m, n, a, lda, sweeps.length, s, work)
            return take(w, a, lda * n)
          }
          const given = run(ws)
          near(given, run(reference), 20 * EPS, `rotateColumns(${m}, ${n})`)
          A.forEach((value, t) => {
            if (t % lda >= m) assert.equal(given[t], value, `rotateColumns(${m}, ${n}) wrote outside A`)
          })
        }
      }
    },
    'rotateColumns turns neighbours as rot does': () => {
      ws.clear()
      const x = [1, 2, 3]
      const [a, s, work] = [put(ws, x), put(ws, [0, 2, 0.6, 0.8, 0, 1]), ws.alloc64(24)]
      ws.kernels.rotateColumns(1, 3, a, 1, 1, s, work)
      // (1, 2) → (2.2, 0.4), then (0.4, 3) → (3, −0.4)
      near(take(ws, a, 3), [2.2, 3, -0.4], 4 * EPS, 'two rotations')
      ws.clear()
    },
  }
}
