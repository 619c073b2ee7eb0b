import type { Tensor } from '../arrays.js'
import { fourierSteps } from './fourierplan.js'
import { linesOf } from './lastaxis.js'
import type { Lined } from './lastaxis.js'
import { readOptions } from '../options.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'

/** A real transform along the last axis. */
export interface RealTransform {
  (X: ArrayLike<number>, options?: RunOptions): Float64Array
  (X: Lined, options?: RunOptions): Tensor
  async(X: ArrayLike<number>, options?: RunOptions): Promise<Float64Array>
  async(X: Lined, options?: RunOptions): Promise<Tensor>
}

/**
 * The orthonormal discrete cosine transform (DCT-II) along the last axis, of any length n:
 * Xₖ = wₖ·Σⱼ xⱼ·cos(π(2j + 1)k/2n), w₀ = √(1/n), wₖ = √(2/n).
 *
 * @param X - a vector, or a matrix or tensor whose last axis is transformed.
 * @returns the same shape, float64.
 * @throws ShapeError; NotFiniteError for NaN or ±Infinity in `X`; OptionError.
 * Cost: one complex Fourier transform of length n per line. Accuracy: ‖error‖ ≤ a few eps·log₂n·‖X‖.
 * Source: Makhoul 1980, "A fast cosine transform in one and two dimensions".
 *
 * @example
 * ```ts
 * import { dct } from 'lowrank'
 * dct([1, 1, 1, 1])   // 2, 0, 0, 0
 * ```
 */
export const dct: RealTransform = /*#__PURE__*/ fromSteps(dctSteps, 1) as never

/**
 * The inverse of `dct`, which is its transpose (DCT-III).
 *
 * @param X - as for `dct`.
 * @throws as `dct`. Cost and accuracy are those of `dct`.
 *
 * @example
 * ```ts
 * import { dct, idct } from 'lowrank'
 * idct(dct([1, 2, 3]))   // 1, 2, 3
 * ```
 */
export const idct: RealTransform = /*#__PURE__*/ fromSteps(idctSteps, 1) as never

/** Where xⱼ goes before the Fourier transform: even places ascending, then odd ones descending. */
const places = (n: number): Int32Array =>
  Int32Array.from({ length: n }, (_, j) => (j % 2 === 0 ? j / 2 : n - (j + 1) / 2))

/** √(2/n)·cos(πk/2n) and the sine; half as much power for k = 0. */
function rotations(n: number): { cos: Float64Array; sin: Float64Array } {
  const scale = Math.sqrt(2 / n)
  const cos = Float64Array.from({ length: n }, (_, k) => scale * Math.cos((Math.PI * k) / (2 * n)))
  const sin = Float64Array.from({ length: n }, (_, k) => scale * Math.sin((Math.PI * k) / (2 * n)))
  if (n > 0) cos[0] = Math.sqrt(1 / n)
  return { cos, sin }
}

function* dctSteps(X: unknown, options?: RunOptions): Steps<unknown> {
  readOptions('dct', options, {})
  const { data, count, n, wrap } = linesOf(X, 'dct', 'X')
  yield* cosineSteps(data, count, n)
  return wrap(data)
}

/** The transform of `count` lines of n numbers, in place. */
export function* cosineSteps(data: Float64Array, count: number, n: number): Steps<void> {
  const { cos, sin } = rotations(n)
  const place = places(n)
  if (count > 0) {
    yield* fourierSteps(
      n,
      count,
      (line, re, im) => {
        for (let j = 0; j < n; j++) re[place[j]!] = data[line * n + j]!
        im.fill(0)
      },
      (line, re, im) => {
        // Re(Vₖ·e^{−iπk/2n})
        for (let k = 0; k < n; k++) data[line * n + k] = re[k]! * cos[k]! + im[k]! * sin[k]!
      },
    )
  }
}

function* idctSteps(X: unknown, options?: RunOptions): Steps<unknown> {
  readOptions('idct', options, {})
  const { data, count, n, wrap } = linesOf(X, 'idct', 'X')
  yield* inverseCosineSteps(data, count, n)
  return wrap(data)
}

/** The inverse of `count` lines of n numbers, in place. */
export function* inverseCosineSteps(data: Float64Array, count: number, n: number): Steps<void> {
  const { cos, sin } = rotations(n)
  const place = places(n)
  if (count > 0) {
    yield* fourierSteps(
      n,
      count,
      (line, re, im) => {
        const at = line * n
        // (Xₖ − i·X_{n−k})·e^{iπk/2n}/√(2n)·…, with the parts exchanged for the inverse Fourier transform.
        im[0] = data[at]! * cos[0]!
        re[0] = 0
        for (let k = 1; k < n; k++) {
          const a = data[at + k]!
          const b = data[at + n - k]!
          const c = cos[k]! / 2
          const s = sin[k]! / 2
          im[k] = a * c + b * s
          re[k] = a * s - b * c
        }
      },
      (line, _, im) => {
        for (let j = 0; j < n; j++) data[line * n + j] = im[place[j]!]!
      },
    )
  }
}
