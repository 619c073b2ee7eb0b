import type { Tensor } from '../arrays.js'
import { ShapeError } from '../errors.js'
import { fourierSteps } from './fourierplan.js'
import { linesOf } from './lastaxis.js'
import type { Lined } from './lastaxis.js'
import { readOptions } from '../options.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'

/** Complex numbers as two arrays. */
export interface Complex<X> {
  readonly re: X
  readonly im: X
}

/** A complex transform along the last axis. */
export interface ComplexTransform {
  (re: ArrayLike<number>, im?: ArrayLike<number>, options?: RunOptions): Complex<Float64Array>
  (re: Lined, im?: Lined, options?: RunOptions): Complex<Tensor>
  async(re: ArrayLike<number>, im?: ArrayLike<number>, options?: RunOptions): Promise<Complex<Float64Array>>
  async(re: Lined, im?: Lined, options?: RunOptions): Promise<Complex<Tensor>>
}

/**
 * The discrete Fourier transform Xₖ = Σⱼ xⱼ·e^{−2πi·jk/n} along the last axis, of any length n.
 *
 * @param re - the real parts: a vector, or a matrix or tensor whose last axis is transformed.
 * @param im - the imaginary parts, of the same shape; zero where absent.
 * @returns `{ re, im }`, float64, vectors for vectors (a 1-D ndarray is one), else of the given shape.
 * @throws ShapeError where the shapes differ; NotFiniteError for NaN or ±Infinity; OptionError.
 * Cost: about 4.25·n·log₂n flops per line where n has the factors 2, 3 and 5 alone; about ten times that with
 * others. Memory: 6 numbers beside each of a line (factors of the last 8 lengths up to 2¹⁸ are kept), some 20 with
 * other factors.
 * Accuracy: ‖error‖ ≤ a few eps·log₂n·‖X‖.
 * Source: Stockham's autosort algorithm of radix 4, 3, 5 and 2 (Van Loan 1992, "Computational frameworks for the
 * fast Fourier transform"); Bluestein 1970 for lengths with other factors.
 *
 * @example
 * ```ts
 * import { fft } from 'lowrank'
 * const { re, im } = fft([1, 2, 3, 4])   // re = 10, -2, -2, -2; im = 0, 2, 0, -2
 * ```
 */
export const fft: ComplexTransform = /*#__PURE__*/ fromSteps(fftSteps, 2) as never

/**
 * The inverse of `fft`: xⱼ = (1/n)·Σₖ Xₖ·e^{2πi·jk/n} along the last axis.
 *
 * @param re - as for `fft`.
 * @param im - as for `fft`.
 * @throws as `fft`. Cost and accuracy are those of `fft`.
 *
 * @example
 * ```ts
 * import { fft, ifft } from 'lowrank'
 * const X = fft([1, 2, 3])
 * ifft(X.re, X.im).re   // 1, 2, 3
 * ```
 */
export const ifft: ComplexTransform = /*#__PURE__*/ fromSteps(ifftSteps, 2) as never

function fftSteps(re: unknown, im?: unknown, options?: RunOptions): Steps<Complex<unknown>> {
  return transformSteps('fft', re, im, options)
}

function ifftSteps(re: unknown, im?: unknown, options?: RunOptions): Steps<Complex<unknown>> {
  return transformSteps('ifft', re, im, options)
}

function* transformSteps(
  fn: 'fft' | 'ifft',
  re: unknown,
  im: unknown,
  options: RunOptions | undefined,
): Steps<Complex<unknown>> {
  readOptions(fn, options, {})
  const real = linesOf(re, fn, 're')
  const imaginary = im === undefined ? undefined : linesOf(im, fn, 'im')
  if (imaginary !== undefined && imaginary.shape.join('×') !== real.shape.join('×')) {
    const [expected, given] = [`the shape ${real.shape.join('×')} of re`, imaginary.shape.join('×')]
    throw new ShapeError({ fn, argument: 'im', expected, given })
  }
  const { count, n } = real
  const x = real.data
  const y = imaginary?.data ?? new Float64Array(x.length)
  // The inverse is the forward transform with the parts exchanged, over n.
  const [a, b] = fn === 'fft' ? [x, y] : [y, x]
  const scale = fn === 'fft' ? 1 : n
  if (count > 0) {
    yield* fourierSteps(
      n,
      count,
      (line, re, im) => {
        re.set(a.subarray(line * n, (line + 1) * n))
        im.set(b.subarray(line * n, (line + 1) * n))
      },
      (line, re, im) => {
        a.set(re, line * n)
        b.set(im, line * n)
        if (scale === 1) return
        for (let j = line * n; j < (line + 1) * n; j++) {
          a[j]! /= scale
          b[j]! /= scale
        }
      },
    )
  }
  return { re: real.wrap(x), im: (imaginary ?? real).wrap(y) }
}
