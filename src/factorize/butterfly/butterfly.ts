import { asVector } from '../../linalg/arrays.js'
import type { Matrix, VectorLike } from '../../linalg/arrays.js'
import { operatorFromSteps } from '../../linalg/operators.js'
import type { LinearOperator } from '../../linalg/operators.js'
import { bool, readOptions, seed, withDefault } from '../../linalg/options.js'
import { breath } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { factorize } from './butterflyfactorize.js'
import { level, levelsOf, randomLevels } from './butterflylevels.js'
import { bitReversal, cosineOrder } from './butterflyorder.js'
import { complexButterfly, realButterfly } from './butterflyoperator.js'
import type { Butterfly, ComplexButterfly } from './butterflyoperator.js'

/** Whether a random butterfly is real or complex, and its seed. */
export interface RandomButterflyOptions {
  /** Complex (unitary) instead of real (orthogonal). Default false. */
  readonly complex?: boolean | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** e^{−2πi·a/b}, exact at the quarters. */
function root(a: number, b: number): readonly [number, number] {
  const quarter = (4 * (a % b)) / b
  if (Number.isInteger(quarter)) return ([[1, 0], [0, -1], [-1, 0], [0, 1]] as const)[quarter]! // prettier-ignore
  const angle = (-2 * Math.PI * a) / b
  return [Math.cos(angle), Math.sin(angle)]
}

/** The levels of the Fourier matrix behind a bit reversal: [[1, w], [1, −w]], w = e^{−2πi·j/(2s)}. */
function fourierLevels(n: number): { re: Float64Array; im: Float64Array }[] {
  return Array.from({ length: Math.log2(n) }, (_, l) => {
    const s = 2 ** l
    return level(n, (p, row, col) => {
      if (col === 0) return [1, 0]
      const [re, im] = root(p % s, 2 * s)
      return row === 0 ? [re, im] : [-re, -im]
    })
  })
}

/**
 * The discrete Fourier transform of n points as a butterfly matrix, as `fft` has it: the Cooley–Tukey algorithm.
 *
 * @param n - a power of two, at least 2.
 * @throws OptionError.
 * Cost: 14n·log₂n flops for each column; the levels hold 4n·log₂n numbers.
 * Source: Dao, Gu, Eichhorn, Rudra and Ré 2019, "Learning fast algorithms for linear transforms using butterfly
 * factorizations", section 2.
 *
 * @example
 * ```ts
 * import { butterfly } from 'lowrank'
 * butterfly.dft(8).matvec([1, 0, 0, 0, 0, 0, 0, 0]).re   // ones
 * ```
 */
function dft(n: number): ComplexButterfly {
  const L = levelsOf(n, 'butterfly.dft')
  return complexButterfly(fourierLevels(n), bitReversal(L))
}

/**
 * The Walsh–Hadamard transform of n points as a butterfly matrix, orthonormal and in natural order, as `fwht` has it.
 *
 * @param n - a power of two, at least 2.
 * @throws OptionError.
 * Cost: 3n·log₂n flops for each column.
 *
 * @example
 * ```ts
 * import { butterfly } from 'lowrank'
 * butterfly.hadamard(4).toDense()   // ±1/2
 * ```
 */
function hadamard(n: number): Butterfly {
  const L = levelsOf(n, 'butterfly.hadamard')
  const factors = Array.from({ length: L }, () => {
    const { re } = level(n, (_, row, col) => [row * col === 1 ? -Math.SQRT1_2 : Math.SQRT1_2, 0])
    return { re }
  })
  return realButterfly(
    factors,
    Int32Array.from({ length: n }, (_, i) => i),
  )
}

/**
 * The orthonormal discrete cosine transform (DCT-II) of n points, as `dct` has it: the real part of a complex butterfly
 * matrix, which is the Fourier transform of the samples in another order, its rows turned by e^{−iπk/2n}.
 *
 * @param n - a power of two, at least 2.
 * @throws OptionError.
 * Cost: 14n·log₂n flops for each column.
 * Source: Makhoul 1980, "A fast cosine transform in one and two dimensions".
 *
 * @example
 * ```ts
 * import { butterfly, eye } from 'lowrank'
 * const C = butterfly.dct(8)
 * C.rmatmat(C.matmat(eye(8)))   // the identity
 * ```
 */
function dct(n: number): Butterfly {
  const L = levelsOf(n, 'butterfly.dct')
  const factors = fourierLevels(n)
  scaleRows(factors[L - 1]!, n, (k) => turned(cosineScale(k, n), root(k, 4 * n)))
  return realButterfly(factors, cosineOrder(L))
}

/**
 * The orthonormal discrete sine transform (DST-II) of n points, √(2/n)·sin(π(k + 1)(2j + 1)/2n), its last row divided by
 * √2: the real part of a complex butterfly matrix.
 *
 * @param n - a power of two, at least 2.
 * @throws OptionError.
 * Cost: 14n·log₂n flops for each column.
 *
 * @example
 * ```ts
 * import { butterfly } from 'lowrank'
 * butterfly.dst(4).toDense()
 * ```
 */
function dst(n: number): Butterfly {
  const L = levelsOf(n, 'butterfly.dst')
  const factors = fourierLevels(n)
  const reversed = bitReversal(L)
  // Sample p of the reordered ones has the phase of frequency k + 1, and the samples of the second half change sign.
  scaleColumns(factors[0]!, n, (i) => {
    const p = reversed[i]!
    return turned(2 * p < n ? 1 : -1, root(p, n))
  })
  scaleRows(factors[L - 1]!, n, (k) => {
    const [re, im] = root(k + 1, 4 * n)
    const scale = cosineScale(n - 1 - k, n)
    return [-scale * im, scale * re]
  })
  return realButterfly(factors, cosineOrder(L))
}

const cosineScale = (k: number, n: number): number => Math.sqrt((k === 0 ? 1 : 2) / n)

const turned = (scale: number, [re, im]: readonly [number, number]): readonly [number, number] => [
  scale * re,
  scale * im,
]

type Scale = (i: number) => readonly [number, number]

/** diag(d)·X for the last level, whose pairs are rows p and p + n/2. */
function scaleRows(factor: { re: Float64Array; im: Float64Array }, n: number, d: Scale): void {
  for (let p = 0; p < n / 2; p++)
    for (let t = 0; t < 4; t++) scaleEntry(factor, n, t, p, d(p + (t >> 1) * (n / 2)))
}

/** X·diag(d) for the first level, whose pairs are points 2p and 2p + 1. */
function scaleColumns(factor: { re: Float64Array; im: Float64Array }, n: number, d: Scale): void {
  for (let p = 0; p < n / 2; p++) for (let t = 0; t < 4; t++) scaleEntry(factor, n, t, p, d(2 * p + (t & 1)))
}

function scaleEntry(
  { re, im }: { re: Float64Array; im: Float64Array },
  n: number,
  t: number,
  p: number,
  [c, s]: readonly [number, number],
): void {
  const e = t * (n / 2) + p
  const [x, y] = [re[e]!, im[e]!]
  re[e] = c * x - s * y
  im[e] = c * y + s * x
}

/**
 * A random butterfly matrix: each 2 × 2 matrix is orthogonal (or unitary) and uniformly distributed, so the whole is too.
 *
 * @param n - a power of two, at least 2.
 * @throws OptionError.
 *
 * @example
 * ```ts
 * import { butterfly } from 'lowrank'
 * const B = butterfly.random(16, { seed: 1 })   // B·Bᵀ = I
 * ```
 */
function random(n: number, options: RandomButterflyOptions & { readonly complex: true }): ComplexButterfly
function random(n: number, options?: RandomButterflyOptions): Butterfly
function random(n: number, options?: RandomButterflyOptions): Butterfly | ComplexButterfly {
  const fn = 'butterfly.random'
  const plan = readOptions(fn, options, { complex: withDefault(bool, false), seed })
  levelsOf(n, fn)
  const identity = Int32Array.from({ length: n }, (_, i) => i)
  const factors = randomLevels(n, plan.complex, plan.seed)
  return plan.complex ? complexButterfly(factors, identity) : realButterfly(factors, identity)
}

/**
 * Circular convolution with c as an operator: the circulant matrix with first column c, by two Fourier butterflies, BᴴDB.
 *
 * @param c - n numbers, n a power of two, at least 2.
 * @returns an operator n × n.
 * @throws OptionError, NotFiniteError.
 * Cost: 28n·log₂n flops for each column.
 *
 * @example
 * ```ts
 * import { butterfly, matrix } from 'lowrank'
 * butterfly.convolution([0, 1, 0, 0]).matmat(matrix([[1], [2], [3], [4]]))   // 4, 1, 2, 3
 * ```
 */
function convolution(c: VectorLike): LinearOperator {
  const fn = 'butterfly.convolution'
  const kernel = asVector(c, fn, 'c')
  const n = kernel.length
  levelsOf(n, fn, 'the length of c')
  const F = dft(n)
  const { re, im } = F.matvec(kernel)
  function* product(X: Matrix, sign: number): Steps<Matrix> {
    const Y = F.matmat(X)
    yield* breath()
    const k = X.shape[1]!
    for (let i = 0, e = 0; i < n; i++) {
      const [a, b] = [re[i]! / n, (sign * im[i]!) / n]
      for (let j = 0; j < k; j++, e++) {
        const [x, y] = [Y.re.data[e]!, Y.im.data[e]!]
        Y.re.data[e] = a * x - b * y
        Y.im.data[e] = a * y + b * x
      }
    }
    return F.rmatmat(Y).re
  }
  return operatorFromSteps([n, n], false, {
    matmat: (X) => product(X, 1),
    rmatmat: (Y) => product(Y, -1),
  }) as LinearOperator
}

/**
 * Butterfly matrices: products of log₂n sparse levels, as fast transforms are. `dft`, `hadamard`, `dct`, `dst` and
 * `convolution` are known ones, `random` makes one, and `factorize` finds one near a given matrix.
 */
export const butterfly = { factorize, dft, hadamard, dct, dst, random, convolution } as const
