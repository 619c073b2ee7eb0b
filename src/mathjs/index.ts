import { asMatrix, dense, packed, toNested, wrap } from '../linalg/arrays.js'
import type { MathMatrix, Matrix, MatrixLike } from '../linalg/arrays.js'
import { ShapeError, describe } from '../linalg/errors.js'
import { pca as lowrankPca } from '../factorize/svd/pca.js'
import { rsvd as lowrankRsvd } from '../factorize/svd/rsvd.js'
import type { RsvdOptions } from '../factorize/svd/rsvd.js'
import { qr as lowrankQr } from '../linalg/dense/qr.js'
import { svd as lowrankSvd, svdvals as lowrankSvdvals } from '../linalg/dense/svd.js'

// mathjs is handed in by the caller; nothing here imports it. On the way in its matrices are recognised
// by their shape, so every function of the library takes them as they are.

/** What is asked of mathjs: `math.matrix`. */
export interface MathJs {
  /** What mathjs makes of nested arrays. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- mathjs overloads this widely
  matrix(data: any): any
}

/**
 * A mathjs matrix, dense or sparse, as an ndarray: a float64 copy.
 *
 * @throws ShapeError where it has not two dimensions or holds something else than numbers.
 *
 * @example
 * ```ts
 * import { matrix } from 'mathjs'
 * import { fromMathjs } from 'lowrank/mathjs'
 * fromMathjs(matrix([[1, 2], [3, 4]])).data   // 1, 2, 3, 4
 * ```
 */
export function fromMathjs(M: MathMatrix): Matrix {
  const A = dense(asMatrix(M, 'fromMathjs', 'M'))
  return wrap(packed(A), A.rows, A.cols)
}

/**
 * A matrix of the library as a dense mathjs matrix.
 *
 * @example
 * ```ts
 * import * as math from 'mathjs'
 * import { eye } from 'lowrank'
 * import { toMathjs } from 'lowrank/mathjs'
 * toMathjs(math, eye(2)).size()   // [2, 2]
 * ```
 */
export function toMathjs(math: MathJs, A: MatrixLike): MathMatrix {
  checkMath(math, 'toMathjs')
  return math.matrix(toNested(asMatrix(A, 'toMathjs', 'A'))) as MathMatrix
}

/**
 * Functions for `math.import`: they take and give mathjs matrices, in programs and in expressions.
 *
 * @param math - your mathjs instance.
 * @returns `rsvd(A, rank | options)`, `pca(A, rank | options)`, `thinSvd(A)`, `singularValues(A)`, `thinQr(A)`;
 * results are plain objects of mathjs matrices and arrays.
 * @throws ShapeError where `math` has no `matrix` function.
 *
 * @example
 * ```ts
 * import { all, create } from 'mathjs'
 * import { mathFunctions } from 'lowrank/mathjs'
 * const math = create(all)
 * math.import(mathFunctions(math))
 * math.evaluate('rsvd([3, 0; 0, 4], 1).s')   // [4]
 * ```
 */
export function mathFunctions(math: MathJs): MathFunctions {
  checkMath(math, 'mathFunctions')
  const out = (A: Matrix): MathMatrix => toMathjs(math, A)
  const list = (x: Float64Array): number[] => Array.from(x)
  return {
    rsvd(A, how) {
      const { U, s, Vt, rank, passes, errorEstimate } = lowrankRsvd(A, options(how))
      return { U: out(U), s: list(s), Vt: out(Vt), rank, passes, errorEstimate }
    },
    thinSvd(A) {
      const { U, s, Vt } = lowrankSvd(A)
      return { U: out(U), s: list(s), Vt: out(Vt) }
    },
    singularValues: (A) => list(lowrankSvdvals(A)),
    thinQr(A) {
      const { Q, R } = lowrankQr(A)
      return { Q: out(Q), R: out(R) }
    },
    pca(A, how) {
      const { mean, components, scores, explainedVariance, errorEstimate } = lowrankPca(A, options(how))
      return {
        mean: list(mean),
        components: out(components),
        scores: out(scores),
        explainedVariance: list(explainedVariance),
        errorEstimate,
      }
    },
  }
}

/** What `math.import` takes: functions that take and return mathjs matrices. */
export interface MathFunctions {
  /** The leading singular vectors; a number is a rank. */
  rsvd(
    A: MatrixLike,
    how: number | RsvdOptions,
  ): { U: MathMatrix; s: number[]; Vt: MathMatrix; rank: number; passes: number; errorEstimate: number }
  /** All singular vectors. */
  thinSvd(A: MatrixLike): { U: MathMatrix; s: number[]; Vt: MathMatrix }
  /** All singular values, descending. */
  singularValues(A: MatrixLike): number[]
  /** A = Q·R with as many columns of Q as A has rows or columns, whichever is less. */
  thinQr(A: MatrixLike): { Q: MathMatrix; R: MathMatrix }
  /** Principal components of samples in rows; a number is a rank. */
  pca(
    A: MatrixLike,
    how: number | RsvdOptions,
  ): {
    mean: number[]
    components: MathMatrix
    scores: MathMatrix
    explainedVariance: number[]
    errorEstimate: number
  }
}

const options = (how: number | RsvdOptions): RsvdOptions => (typeof how === 'number' ? { rank: how } : how)

function checkMath(math: MathJs, fn: string): void {
  if (typeof (math as Partial<MathJs> | undefined)?.matrix !== 'function') {
    throw new ShapeError({ fn, argument: 'math', expected: 'a mathjs instance', given: describe(math) })
  }
}
