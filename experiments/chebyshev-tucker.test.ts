import { expect, test } from 'vitest'
import { chebyshevTucker, tucker } from '../src/factorize/index.js'
import type { ChebyshevTucker } from '../src/factorize/index.js'
import { random, zeros } from '../src/linalg/index.js'
import { record } from './support/record.js'

// Benner, Khoromskij, Khoromskaia and Sun 2025: interpolation converges geometrically with the degree, the Tucker
// rank alone decides where the error of the compressed form stays, and ranks are those of a fine sampling.

type F = (x: ArrayLike<number>) => number
const box = [
  [-1, 1],
  [-1, 1],
  [-1, 1],
] as [number, number][]
const shifted: F = (x) => 1 / Math.hypot(x[0]! + 1.5, x[1]! + 1.5, x[2]! + 1.5)
const smoothed: F = (x) => 1 / Math.sqrt(0.2 + x[0]! ** 2 + x[1]! ** 2 + x[2]! ** 2)

const P = random.uniform([500, 3], { seed: 1 })
P.data.forEach((u, e) => (P.data[e] = 2 * u - 1))

/** The largest error at 500 random points, relative to the largest value. */
function worst(f: F, near: ChebyshevTucker): number {
  let [error, largest] = [0, 0]
  near.evaluate(P).forEach((value, p) => {
    const truth = f(P.data.subarray(3 * p, 3 * p + 3))
    error = Math.max(error, Math.abs(value - truth))
    largest = Math.max(largest, Math.abs(truth))
  })
  return error / largest
}

/** Multilinear ranks of a uniform sampling of 64³ points, to the same tolerance in the same norm. */
function fineRanks(f: F, rtol: number): Int32Array {
  const n = 64
  const T = zeros([n, n, n])
  const at = (i: number): number => -1 + (2 * i) / (n - 1)
  for (let i = 0, e = 0; i < n; i++) {
    for (let j = 0; j < n; j++) for (let k = 0; k < n; k++) T.data[e++] = f([at(i), at(j), at(k)])
  }
  const largest = T.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (let tolerance = rtol; ; tolerance /= 2) {
    const found = tucker(T, { rtol: tolerance })
    const made = found.reconstruct().data
    const error = made.reduce((most, value, e) => Math.max(most, Math.abs(value - T.data[e]!)), 0)
    if (error <= rtol * largest) return found.ranks
  }
}

test('degrees, ranks and errors', () => {
  const rows: (string | number)[][] = []
  const full: number[] = []
  for (const points of [8, 12, 16, 24, 32]) {
    const errors = [undefined, 3, 5, 7].map((ranks) =>
      worst(shifted, chebyshevTucker(shifted, { box, degrees: points - 1, rtol: 0, ranks })),
    )
    full.push(errors[0]!)
    rows.push(['1/‖x − c‖', `${points} points`, ...errors])
    // The rank alone decides, from where the interpolation is better.
    if (points >= 16) [2e-3, 3e-5, 3e-7].forEach((limit, t) => expect(errors[t + 1]).toBeLessThan(limit))
    if (points >= 16) [1e-3, 5e-6, 5e-8].forEach((limit, t) => expect(errors[t + 1]).toBeGreaterThan(limit))
  }
  const limits = [1e-4, 1e-6, 3e-9, 8e-13, 1e-13]
  full.forEach((error, t) => expect(error).toBeLessThan(limits[t]!))
  for (const rtol of [1e-4, 1e-6, 1e-8, 1e-10]) {
    const near = chebyshevTucker(smoothed, { box, rtol })
    const exact = fineRanks(smoothed, rtol)
    const error = worst(smoothed, near)
    expect(error).toBeLessThanOrEqual(2 * rtol)
    if (rtol === 1e-8) expect(error).toBeLessThanOrEqual(1e-8)
    near.ranks.forEach((rank, n) => expect(rank).toBeLessThanOrEqual(exact[n]!))
    rows.push([
      '1/√(0.2 + ‖x‖²)',
      `rtol ${rtol.toExponential(0)}: ${near.degrees[0]! + 1} points`,
      error,
      `ranks ${near.ranks.join(', ')}`,
      `of a fine grid ${exact.join(', ')}`,
      '',
    ])
  }
  record({
    name: 'chebyshev-tucker',
    title: 'Functions as Chebyshev polynomials in Tucker form',
    paper: 'Benner, Khoromskij, Khoromskaia, Sun 2025, hybrid Chebyshev–Tucker tensor format',
    setting:
      'Largest error at 500 random points of [−1, 1]³ (seed 1), relative to the largest value. Above: 1/‖x − c‖ with c = −(1.5, 1.5, 1.5) ' +
      'on given grids, without truncation and with Tucker ranks 3, 5 and 7. Below: the smoothed kernel to a tolerance, with degrees that are ' +
      'found, and beside the ranks those that a uniform sampling of 64³ points needs for the same largest error.',
    columns: ['function', 'grid', 'no truncation', 'rank 3', 'rank 5', 'rank 7'],
    rows,
    reading:
      'As in the paper: the interpolation error falls geometrically with the number of points; with a fixed Tucker rank the error stays where ' +
      'the rank puts it, whatever the grid, so that degrees can be generous; and the ranks found for the smoothed kernel are no larger ' +
      'than those of a fine sampling.',
  })
})
