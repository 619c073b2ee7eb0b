import { OptionError, describe } from '../../linalg/errors.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import type { ButterflyFactor } from './butterflyoperator.js'

/** log₂n of a power of two, n >= 2. */
export function levelsOf(n: unknown, fn: string, argument = 'n'): number {
  const L = typeof n === 'number' ? Math.log2(n) : NaN
  if (Number.isInteger(L) && L >= 1 && L <= 30) return L
  throw new OptionError({ fn, argument, expected: 'a power of two, at least 2', given: describe(n) })
}

/** Level l of n points; `entry(p, row, col)` is [re, im]. */
export function level(
  n: number,
  entry: (p: number, row: number, col: number) => readonly [number, number],
): {
  re: Float64Array
  im: Float64Array
} {
  const half = n / 2
  const [re, im] = [new Float64Array(2 * n), new Float64Array(2 * n)]
  for (let p = 0; p < half; p++) {
    for (let t = 0; t < 4; t++) [re[t * half + p], im[t * half + p]] = entry(p, t >> 1, t & 1)
  }
  return { re, im }
}

/** Uniformly distributed orthogonal or unitary 2 × 2 matrices for each level. */
export function randomLevels(n: number, complex: boolean, seed: number): ButterflyFactor[] {
  const half = n / 2
  return Array.from({ length: Math.log2(n) }, (_, l) => {
    const u = uniformBlock({ seed, stream: STREAM.butterfly, i0: l, i1: l + 1, j0: 0, j1: 4 * half })
    const { re, im } = level(n, (p, row, col) => {
      const angle = (at: number): number => 2 * Math.PI * u[at * half + p]!
      if (!complex) {
        const [c, s] = [Math.cos(angle(0)), Math.sin(angle(0))]
        const sign = u[half + p]! < 0.5 ? 1 : -1
        return [row === 0 ? (col === 0 ? c : s) : sign * (col === 0 ? -s : c), 0]
      }
      const phi = Math.asin(Math.sqrt(u[p]!))
      const [a, b, c] = [angle(1), angle(2), angle(3)]
      const size = row === col ? Math.cos(phi) : Math.sin(phi)
      const phase = a + (row === col ? (row === 0 ? b : -b) : row === 0 ? c : -c)
      const sign = row === 1 && col === 0 ? -1 : 1
      return [sign * size * Math.cos(phase), sign * size * Math.sin(phase)]
    })
    return complex ? { re, im } : { re }
  })
}
