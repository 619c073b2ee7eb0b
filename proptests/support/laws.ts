import { expect } from 'vitest'
import type { Matrix } from '../../src/linalg/index.js'

// Laws of random draws, and what they are compared with.

/** Determinant by elimination with partial pivoting. */
function det(A: readonly (readonly number[])[]): number {
  const M = A.map((row) => [...row])
  let product = 1
  for (let k = 0; k < M.length; k++) {
    let p = k
    for (let i = k; i < M.length; i++) if (Math.abs(M[i]![k]!) > Math.abs(M[p]![k]!)) p = i
    if (M[p]![k] === 0) return 0
    if (p !== k) product = -product
    ;[M[k], M[p]] = [M[p]!, M[k]!]
    product *= M[k]![k]!
    for (let i = k + 1; i < M.length; i++) {
      const factor = M[i]![k]! / M[k]![k]!
      for (let j = k; j < M.length; j++) M[i]![j]! -= factor * M[k]![j]!
    }
  }
  return product
}

export const members = (mask: number, n: number): number[] =>
  Array.from({ length: n }, (_, i) => i).filter((i) => mask & (1 << i))

export const minor = (K: Matrix, S: readonly number[]): number => det(S.map((i) => S.map((j) => K.get(i, j))))

/**
 * Draws fall into cells with the probabilities P: Pearson's statistic stays below its mean plus 4.5 of its
 * deviations, ν + 4.5·√(2ν + (Σ1/P − (ν + 1)² − 2ν)/N) for ν + 1 cells and N draws. Cells that expect fewer than
 * five are taken together.
 */
export function expectLaw(P: ArrayLike<number>, draw: (seed: number) => number, samples: number): void {
  const often = new Float64Array(P.length)
  for (let seed = 0; seed < samples; seed++) often[draw(seed)]!++
  let [statistic, cells, inverses, rare, rareOften] = [0, 0, 0, 0, 0]
  const add = (p: number, seen: number): void => {
    statistic += (seen - samples * p) ** 2 / (samples * p)
    inverses += 1 / p
    cells++
  }
  for (let cell = 0; cell < P.length; cell++) {
    if (samples * P[cell]! >= 5) add(P[cell]!, often[cell]!)
    else [rare, rareOften] = [rare + P[cell]!, rareOften + often[cell]!]
  }
  if (samples * rare >= 5) add(rare, rareOften)
  // A Poisson number of mean μ < 5 is above μ + 5√μ + 2 with probability below 1e−5.
  else
    expect(rareOften).toBeLessThanOrEqual(
      samples * rare + 5 * Math.sqrt(samples * rare) + (rare > 1e-9 ? 2 : 0),
    )
  const nu = cells - 1
  const variance = 2 * nu + Math.max(0, inverses - cells * cells - 2 * nu) / samples
  expect(statistic).toBeLessThan(nu + 4.5 * Math.sqrt(variance) + 1e-9)
}
