import assert from 'node:assert/strict'
import type { Workspace } from '../../src/linalg/wasm/workspace.js'
import { EPS } from './checking.js'

// The kernels of transforms, sparse products, distances and exponentials, against the plain ones.

type Fill = (i: number) => number
const wave =
  (seed: number): Fill =>
  (i) =>
    Math.sin(1 + seed + 12.9898 * i + seed * i * i)

/** Runs `call` in both workspaces on the same numbers, and compares all of them afterwards. */
function compare(
  pair: readonly [Workspace, Workspace],
  count: number,
  fill: Fill,
  call: (ws: Workspace, at: number) => void,
  tolerance: number,
  what: string,
): void {
  const [given, expected] = pair.map((ws) => {
    ws.clear()
    const at = ws.alloc64(count + 1)
    const f64 = ws.f64
    for (let i = 0; i < count; i++) f64[at / 8 + i] = fill(i)
    f64[at / 8 + count] = 12345
    call(ws, at)
    return ws.f64.slice(at / 8, at / 8 + count + 1)
  }) as [Float64Array, Float64Array]
  given.forEach((x, i) => {
    assert.ok(Math.abs(x - expected[i]!) <= tolerance, `${what}: ${x} for ${expected[i]} at ${i}`)
  })
}

export function lineKernelChecks(ws: Workspace, reference: Workspace): Record<string, () => void> {
  const pair = [ws, reference] as const
  return {
    'butterflyLevel, real and complex: every stride, columns around pairs': () => {
      for (const n of [2, 4, 8, 32]) {
        for (let s = 1; s < n; s *= 2) {
          for (const k of [1, 2, 3, 4, 5, 8]) {
            const sizes = [n * k, n * k, 2 * n, 2 * n]
            const places = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0))
            const count = places[3]! + sizes[3]!
            for (const form of ['real', 'complex', 'fourier']) {
              for (const m of [n / 2, s]) {
                compare(
                  pair,
                  count,
                  wave(n + s),
                  ({ kernels }, at) => {
                    const [x, xi, t, ti] = places.map((place) => at + 8 * place) as [
                      number,
                      number,
                      number,
                      number,
                    ]
                    if (form === 'complex') kernels.butterflyLevelComplex(n, s, k, m, t, ti, x, xi)
                    else if (form === 'fourier') kernels.fourierLevel(n, s, k, m, t, ti, x, xi)
                    else kernels.butterflyLevel(n, s, k, m, t, x)
                  },
                  8 * EPS,
                  `n ${n}, s ${s}, k ${k}, m ${m}, ${form}`,
                )
              }
            }
          }
        }
      }
    },
    'fftPass: every radix, sizes around pairs of numbers, ranges': () => {
      for (const radix of [2, 3, 4, 5]) {
        for (const m of [1, 2, 3, 4, 7]) {
          for (const s of [1, 2, 3, 4, 5, 8]) {
            const n = radix * m * s
            const factors = 2 * (radix - 1) * m
            const ranges: [p0: number, p1: number, q0: number, q1: number][] = [[0, m, 0, s]]
            if (m > 1) ranges.push([1, m, 0, s])
            if (s > 3) ranges.push([0, m, 2, s - 1])
            for (const [p0, p1, q0, q1] of ranges) {
              compare(
                pair,
                4 * n + factors,
                // The factors for p = 0 are 1: kernels may know that.
                (i) =>
                  i < 4 * n || (i - 4 * n) % m > 0 ? wave(n)(i) : 1 - (Math.floor((i - 4 * n) / m) % 2),
                ({ kernels }, at) => {
                  const [re, im, yre, yim, w] = [0, 1, 2, 3, 4].map((t) => at + 8 * t * n)
                  kernels.fftPass(radix, m, s, p0, p1, q0, q1, w!, re!, im!, yre!, yim!)
                },
                40 * EPS,
                `radix ${radix}, m ${m}, s ${s}, [${p0}, ${p1}) × [${q0}, ${q1})`,
              )
            }
          }
        }
      }
    },
    'fwhtBlock: every power of two': () => {
      for (let n = 1; n <= 4096; n *= 2) {
        const call = ({ kernels }: Workspace, at: number): void => kernels.fwhtBlock(n, at)
        compare(pair, n, wave(n), call, 4 * Math.log2(2 * n) * EPS * n, `${n} points`)
      }
    },
    'fwhtLevels: one to three levels, part of a row': () => {
      for (const levels of [1, 2, 3]) {
        for (const [count, h] of [
          [2, 2],
          [2, 8],
          [6, 6],
          [16, 16],
          [10, 64],
        ] as const) {
          const call = ({ kernels }: Workspace, at: number): void => kernels.fwhtLevels(levels, count, h, at)
          compare(pair, h * 2 ** levels, wave(h), call, 40 * EPS, `${levels} levels of ${count}, ${h} apart`)
        }
      }
    },
    'csrTimes and csrAdjointTimes: every number of columns around 8, empty rows, a piece of the rows': () => {
      const counts = [2, 0, 5, 1, 0, 3]
      const n = 7
      const first = 11
      for (let k = 0; k <= 19; k++) {
        for (const adjoint of [false, true]) {
          const nnz = counts.reduce((sum, count) => sum + count, 0)
          const [long, short] = [n * k, counts.length * k]
          compare(
            pair,
            nnz + long + short,
            wave(k),
            (one, at) => {
              const [pointers, indices] = [one.alloc32(counts.length + 1), one.alloc32(nnz)]
              const I = new Int32Array(one.f64.buffer)
              // Pointers of rows in the midst of a matrix do not start at 0.
              I[pointers / 4] = first
              counts.forEach((count, i) => (I[pointers / 4 + i + 1] = I[pointers / 4 + i]! + count))
              for (let e = 0; e < nnz; e++) I[indices / 4 + e] = (3 * e) % n
              const [x, y] = [at + 8 * nnz, at + 8 * (nnz + long)]
              if (adjoint) one.kernels.csrAdjointTimes(counts.length, k, pointers, indices, at, y, x)
              else one.kernels.csrTimes(counts.length, k, pointers, indices, at, x, y)
            },
            40 * EPS,
            `${adjoint ? 'adjoint, ' : ''}${k} columns`,
          )
        }
      }
    },
    'csrDots: every number of columns around 4, empty rows, a piece of the rows': () => {
      const counts = [2, 0, 5, 1, 0, 3]
      const [n, nnz, first] = [7, 11, 9]
      for (let k = 0; k <= 11; k++) {
        compare(
          pair,
          nnz + (n + counts.length) * k,
          wave(k),
          (one, at) => {
            const [pointers, indices] = [one.alloc32(counts.length + 1), one.alloc32(nnz)]
            const I = new Int32Array(one.f64.buffer)
            I[pointers / 4] = first
            counts.forEach((count, i) => (I[pointers / 4 + i + 1] = I[pointers / 4 + i]! + count))
            for (let e = 0; e < nnz; e++) I[indices / 4 + e] = (3 * e) % n
            const x = at + 8 * nnz
            one.kernels.csrDots(counts.length, k, pointers, indices, x, x + 8 * counts.length * k, at)
          },
          40 * EPS,
          `${k} columns`,
        )
      }
    },
    'gatherGram: rows of any number and order, more than a cache holds': () => {
      const n = 9
      for (const k of [0, 4, 8, 12, 64]) {
        for (const count of [0, 1, 2, 31, 33, 70]) {
          const rows = n * k
          compare(
            pair,
            rows + k * k,
            wave(k + count),
            (one, at) => {
              const indices = one.alloc32(count)
              const I = new Int32Array(one.f64.buffer)
              for (let e = 0; e < count; e++) I[indices / 4 + e] = (5 * e + 3) % n
              one.kernels.gatherGram(count, k, indices, at, at + 8 * rows)
            },
            2 * (count + 1) * EPS,
            `${count} rows of ${k}`,
          )
        }
      }
    },
    'distances: every size around tiles of four, both powers': () => {
      for (const power of [1, 2]) {
        for (const [m, n, d] of [
          [0, 4, 3],
          [1, 4, 1],
          [3, 8, 2],
          [4, 4, 0],
          [5, 12, 7],
          [9, 16, 20],
        ] as const) {
          const ldc = n + 3
          compare(
            pair,
            (m + n) * d + m * ldc,
            wave(m + n),
            ({ kernels }, at) => {
              const y = at + 8 * m * d
              kernels.distances(power, m, n, d, at, y, y + 8 * n * d, ldc)
            },
            4 * (d + 2) * EPS * d,
            `power ${power}, ${m}×${n} in ${d} dimensions`,
          )
        }
      }
    },
    'expNegative: within 2 units in the last place, 0 and 1 at the ends': () => {
      for (let n = 0; n < 9; n++) {
        compare(
          pair,
          n,
          (i) => (i * 37.3) % 11,
          ({ kernels }, at) => {
            kernels.expNegative(n, 0.75, at)
          },
          2 * EPS,
          `${n} numbers`,
        )
      }
      const count = 20000
      const values = Float64Array.from({ length: count }, (_, i) =>
        i % 4 === 0
          ? i / count / 1e9
          : i % 4 === 1
            ? i / count
            : i % 4 === 2
              ? (i * 40) / count
              : (i * 707.9) / count,
      )
      ws.clear()
      const at = ws.alloc64(count)
      ws.f64.set(values, at / 8)
      ws.kernels.expNegative(count, 1, at)
      values.forEach((x, i) => {
        const [given, expected] = [ws.f64[at / 8 + i]!, Math.exp(-x)]
        assert.ok(Math.abs(given - expected) <= 2 * EPS * expected, `e^-${x}: ${given} for ${expected}`)
      })
      ws.f64.set([0, 708.5, 1e5, Infinity, 1e-320, 708], at / 8)
      ws.kernels.expNegative(6, 1, at)
      assert.deepEqual([...ws.f64.subarray(at / 8, at / 8 + 5)], [1, 0, 0, 0, 1])
      assert.ok(ws.f64[at / 8 + 5]! > 3e-308)
    },
  }
}
