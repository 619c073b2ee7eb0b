import { asMatrix, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { adjoint } from '../linalg/operators/adjoint.js'
import { descendSteps } from '../linalg/iterative/cg.js'
import {
  addScaledSteps,
  columnNorms,
  normalizeColumns,
  scaleAndAddSteps,
} from '../linalg/operators/columnwise.js'
import { operandSteps } from '../linalg/operators/denseoperator.js'
import { ConvergenceError, OptionError, ShapeError, describe } from '../linalg/errors.js'
import { norm2 } from '../linalg/magnitude.js'
import { isOperator, operatorFromSteps, precisionOf } from '../linalg/operators.js'
import type { AnyOperator, Operand } from '../linalg/operators.js'
import { integer, nonNegative, oneOf, optional, readOptions, seed, withDefault } from '../linalg/options.js'
import type { Reader } from '../linalg/options.js'
import { adjointProduct, entriesOf, normalProduct, product } from '../linalg/products.js'
import type { RightHand } from '../linalg/dense/righthand.js'
import { rightSide } from '../linalg/dense/rightside.js'
import type { IterativeSolver, RightSide } from '../linalg/dense/rightside.js'
import { fromSteps, report } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { acquire, release } from '../linalg/wasm/workspace.js'
import { heavyBallSteps } from './heavyball.js'
import { sketchBothSteps } from './sketch.js'
import type { Sketch } from './sketch.js'
import { sparseSign } from './sparsesketch.js'
import { srht } from './srht.js'
import { whiteningSteps } from './whitening.js'
import type { Whitening } from './whitening.js'

/** How `sketchedLstsq` uses its sketch, and how accurately it solves. */
export interface SketchedLstsqOptions extends RunOptions {
  /**
   * 'precondition' (default) and 'iterative' solve the problem to full accuracy, with conjugate gradients and
   * with fixed coefficients; 'solve' answers with the solution of the sketched problem.
   */
  readonly method?: 'solve' | 'precondition' | 'iterative' | undefined
  /**
   * Of 'solve': 'l2' (default) keeps ‖A·x − b‖ small, 'linf' keeps each coordinate of x near that of the
   * least-squares solution too; it takes another sketch and more of its rows.
   */
  readonly guarantee?: 'l2' | 'linf' | undefined
  /** A sketch of one's own: s × M with s >= p, M = max(m, n), p = min(m, n). Default `sparseSign`. */
  readonly sketch?: Sketch | undefined
  /**
   * Rows of the default sketch, at least p; from M on, A itself takes its place. Default 32 more than M/5, but
   * M/5 not below 4p and not above 32p; 32 more than 20p for 'linf'.
   */
  readonly size?: number | undefined
  /** Singular values of the sketch of A up to rtol·σ₀ count as 0. Default M times the precision of A. */
  readonly rtol?: number | undefined
  /** Default 200. */
  readonly maxIterations?: number | undefined
  /** Of the default sketch: an integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A least-squares solution found by way of a sketch. */
export interface SketchedLstsq<X> {
  /** The solution: a vector for a vector, n × k for a matrix. */
  readonly x: X
  /** Of the slowest column; 0 for 'solve'. */
  readonly iterations: number
  /** ‖A·x − b‖, the Frobenius norm for a matrix, freshly computed. */
  readonly residual: number
  /** The numerical rank of the sketch of A, to which the solution belongs. */
  readonly rank: number
}

/**
 * Least squares by a random sketch: x that minimises ‖A·x − b‖, of minimum norm where there are several, for a
 * long A (m ≫ n) or a wide one (n ≫ m), dense, sparse or known by its products.
 *
 * A sketch S of T (A, or Aᵀ where A is wide) to s rows gives M, p × r, that makes the columns of T·M nearly
 * orthonormal: their singular values lie within 1 ± √(p/s), whatever the condition of A.
 *
 * 'solve': min ‖SA·x − Sb‖; ‖A·x − b‖² is above its minimum by a factor of about 1 + p/(s − p). (A wide: x =
 * Aᵀ·M·Mᵀ·b, near the solution of minimum norm by about 2√(p/s), but not a solution.) With 'linf' S is dense, an
 * SRHT, and no coordinate of x is off by more than about (√(log(n)/s))·‖A·x − b‖·‖A⁺‖: a sparse S sends a
 * residual of one large entry to few rows of Sb, and with probability about n/s to a coordinate of x.
 *
 * 'precondition': starts there and solves the normal equations of T·M for the correction by conjugate gradients;
 * the error falls by √(p/s) or more in each iteration. 'iterative': the same with Polyak's fixed coefficients,
 * which need no inner products. Both go on until the recurrence is at rounding level, eps·(‖A‖·‖x‖ + ‖b‖), and do so
 * again from the residual computed afresh as long as the correction was longer than x: that makes them as
 * accurate as Householder's QR factorization, backward stable, up to condition numbers κ near 1/eps. For a
 * wide A the relative error of x is about κ·eps, as it should be, but that of A·x is eps + (κ·eps)².
 *
 * @param A - m × n matrix or operator of any rank.
 * @param b - a vector of m (array-like or 1-D ndarray), or an m × k matrix.
 * @returns `{ x, iterations, residual, rank }`.
 * @throws OptionError for a size below p, 'linf' with another method than 'solve' or with a sketch of one's own;
 * ShapeError, also for 'linf' with a wide A; NotFiniteError; ConvergenceError, with the last iterate as `best`,
 * after `maxIterations`, and where a sketch of lower rank than p turns out to have lost a part of A (unlikely
 * but for a CountSketch, or for few rows).
 * Cost, A dense m × n: 16mn flops for the sketch (with 'linf' as `srht`), 2sn² for its QR factorization, and
 * 4mn + 2n² for each column of b and each of about 72/ln(s/n) iterations, up to twice as many where a second
 * start is needed. Passes: one for the sketch, one for each iteration where A offers `normal`, else two, and
 * three for each start; an operator is sketched by s columns in products with Aᵀ, 2²² numbers at a time.
 * Memory: s(n + k) numbers, a few times (m + n)k.
 * Source: Rokhlin and Tygert 2008, "A fast randomized algorithm for overdetermined linear least-squares
 * regression"; Avron, Maymounkov, Toledo 2010, "Blendenpik"; Meng, Saunders, Mahoney 2014, "LSRN", for the SVD
 * where A is rank-deficient and for wide A; Epperly 2024, "Fast and forward stable randomized algorithms for
 * linear least-squares problems", for the momentum; Epperly, Meier, Nakatsukasa 2024, "Fast randomized
 * least-squares solvers can be just as accurate and stable as classical direct solvers", for the second start;
 * Song, Ye, Yin, Zhang 2023 for 'linf'. Departures: conjugate gradients take LSQR's place, of which they
 * are the same iterates, since T·M is well conditioned and AᵀA·x takes one sweep; the interval of the
 * eigenvalues is corrected as the iteration shows it; H·D twice in the SRHT.
 *
 * @example
 * ```ts
 * import { random, sketchedLstsq } from 'lowrank'
 * const A = random.normal([2000, 20])
 * const { x, residual } = sketchedLstsq(A, random.normal([2000], { seed: 1 }).data)
 * ```
 */
export const sketchedLstsq: IterativeSolver<
  SketchedLstsqOptions,
  SketchedLstsq<Float64Array>,
  SketchedLstsq<Matrix>
> = /*#__PURE__*/ fromSteps(sketchedLstsqSteps, 2) as never

const FN = 'sketchedLstsq'
/** Starts, each with its residual computed afresh. Two do, theory says; the others are for its constants. */
const STARTS = 5
/** Rows beyond any multiple of p: for p = 2, say, 8 rows would lose a direction of some matrices too often. */
const SPARE = 32
/** How far above rtol the gradient of a rank-deficient problem is allowed to be. */
const MARGIN = 16

const sketchReader: Reader<Sketch> = (value, fail) =>
  isOperator(value) && value.async !== true && 'submatrix' in value ? (value as Sketch) : fail('a sketch')

function readPlan(options: SketchedLstsqOptions | undefined) {
  const plan = readOptions(FN, options, {
    method: withDefault(oneOf('solve', 'precondition', 'iterative'), 'precondition'),
    guarantee: withDefault(oneOf('l2', 'linf'), 'l2'),
    sketch: optional(sketchReader),
    size: optional(integer(1)),
    rtol: optional(nonNegative),
    maxIterations: withDefault(integer(0), 200),
    seed,
  })
  const refuse = (argument: string, expected: string, given: string): never => {
    throw new OptionError({ fn: FN, argument: `options.${argument}`, expected, given })
  }
  if (plan.guarantee === 'linf') {
    if (plan.method !== 'solve') refuse('guarantee', `'l2' with method '${plan.method}'`, "'linf'")
    if (plan.sketch) refuse('sketch', "none with guarantee 'linf', which needs a dense one", 'a sketch')
  }
  if (plan.sketch && plan.size !== undefined) {
    refuse('size', 'none beside a sketch', String(plan.size))
  }
  return plan
}

type Plan = ReturnType<typeof readPlan>

/** min ‖A·X − B‖ through T, which is A or, where A is wide, Aᵀ. */
interface Problem {
  readonly A: AnyOperator
  readonly T: AnyOperator
  readonly wide: boolean
  readonly side: RightSide
}

function* sketchedLstsqSteps(
  given: Operand,
  b: RightHand,
  options?: SketchedLstsqOptions,
): Steps<SketchedLstsq<Float64Array | Matrix>> {
  const plan = readPlan(options)
  const matrix = isOperator(given) ? undefined : asMatrix(given, FN, 'A')
  const A = yield* operandSteps(matrix ?? given, FN, 'A')
  const [m, n] = A.shape
  const wide = n > m
  const side = rightSide(b, m, FN)
  const rtol = plan.rtol ?? Math.max(m, n) * precisionOf(A)
  const [M, p, k] = [Math.max(m, n), Math.min(m, n), side.norms.length]
  const S = chosenSketch(plan, M, p, wide)
  const zero = wrap(new Float64Array(n * k), n, k)
  if (p === 0) return yield* solutionSteps({ A, T: A, wide, side }, zero, 0, 0)

  const turned = wide ? matrix?.transpose(1, 0) : matrix
  const T = wide ? (turned ? yield* operandSteps(turned, FN, 'A') : adjoint(A)) : A
  const problem = { A, T, wide, side }
  const ws = acquire()
  try {
    yield* report(FN, 'sketch', 0, plan.maxIterations)
    // The dual problem of a wide A has no right-hand side to be sketched.
    const B = wide ? wrap(new Float64Array(0), M, 0) : side.B
    const [ST, SB] = S ? yield* sketchBothSteps(S, turned ?? T, B) : [yield* entriesOf(T), B]
    const W = yield* whiteningSteps(ws, ST, SB, rtol, plan.seed)
    const X = wide ? zero : W.solution
    if (plan.method === 'solve') {
      const dual = function* (): Steps<Matrix> {
        return yield* product(T, yield* product(W.M, yield* adjointProduct(W.M, side.B)))
      }
      return yield* solutionSteps(problem, wide ? yield* dual() : X, 0, W.rank)
    }
    const spread = S ? Math.min(0.9, Math.sqrt(W.rank / S.shape[0])) : 0
    const iterations = yield* refineSteps(problem, W, X, spread, plan)
    return W.rank < p
      ? yield* provenSteps(problem, W, X, iterations, rtol)
      : yield* solutionSteps(problem, X, iterations, W.rank)
  } finally {
    release(ws)
  }
}

/** Rows of a sketch for each column of A from which on it may be sparser. */
const ROOMY = 16

/** The sketch, or undefined where it would have as many rows as T. */
function chosenSketch(plan: Plan, M: number, p: number, wide: boolean): Sketch | undefined {
  const { sketch, guarantee } = plan
  if (guarantee === 'linf' && wide) {
    const expected = "as many rows as columns with guarantee 'linf'"
    throw new ShapeError({ fn: FN, argument: 'A', expected, given: `${p}×${M}` })
  }
  if (sketch) {
    const [s, columns] = sketch.shape
    if (s >= p && columns === M) return sketch
    throw new OptionError({
      fn: FN,
      argument: 'options.sketch',
      expected: `${p} rows or more and ${M} columns`,
      given: `${s}×${columns}`,
    })
  }
  // A fifth of the flops of a QR factorization of A, within what is worth having.
  const usual = SPARE + (guarantee === 'linf' ? 20 * p : Math.min(32 * p, Math.max(4 * p, Math.ceil(M / 5))))
  const size = plan.size ?? usual
  if (size < p) {
    const expected = `an integer >= ${p}, the shorter side of A`
    throw new OptionError({ fn: FN, argument: 'options.size', expected, given: describe(size) })
  }
  if (size >= M) return undefined
  const shape = [size, M] as const
  if (guarantee === 'linf') return srht(shape, { seed: plan.seed })
  // In so many rows few nonzeros meet, and half of them will do.
  return sparseSign(shape, { nnzPerColumn: size >= ROOMY * p ? 4 : 8, seed: plan.seed })
}

/** X, in the scale of the right-hand side, as what was asked for. */
function* solutionSteps(
  { A, side }: Problem,
  X: Matrix,
  iterations: number,
  rank: number,
): Steps<SketchedLstsq<Float64Array | Matrix>> {
  const R = yield* residualSteps(A, side.B, X)
  const residual = norm2(columnNorms(R).map((size, j) => size / side.scale[j]!))
  return { x: side.answer(X), iterations, residual, rank }
}

function* residualSteps(A: AnyOperator, B: Matrix, X: Matrix): Steps<Matrix> {
  const R = yield* product(A, X)
  yield* scaleAndAddSteps(R, new Float64Array(X.shape[1]!).fill(-1), B)
  return R
}

/** The solution, if its gradient says that the sketch has seen all of A that the rank is a matter of. */
function* provenSteps(
  problem: Problem,
  { rank, norm, condition }: Whitening,
  X: Matrix,
  iterations: number,
  rtol: number,
): Steps<SketchedLstsq<Float64Array | Matrix>> {
  const { A, wide, side } = problem
  // What rounding leaves, of a wide A in particular.
  const room = rtol + (wide ? (condition * precisionOf(A)) ** 2 : 0)
  const gradients = columnNorms(yield* adjointProduct(A, yield* residualSteps(A, side.B, X)))
  const solution = yield* solutionSteps(problem, X, iterations, rank)
  const sizes = columnNorms(X)
  const small = (g: number, j: number): boolean =>
    g <= MARGIN * room * norm * (norm * sizes[j]! + side.norms[j]!)
  if (gradients.every(small)) return solution
  throw new ConvergenceError({
    fn: FN,
    argument: 'options.seed',
    expected: 'a sketch of the same rank as A',
    given: `one of rank ${rank}, with which the residual stays outside rounding level; another seed, or more rows`,
    iterations,
    residual: solution.residual,
    best: solution,
  })
}

/**
 * Solves for corrections of X, in place, until one is small enough that its own rounding errors do not matter.
 * Answers with the number of iterations.
 */
function* refineSteps(
  problem: Problem,
  { M, rank, norm }: Whitening,
  X: Matrix,
  spread: number,
  { method, maxIterations }: Plan,
): Steps<number> {
  const { A, T, wide, side } = problem
  const k = side.norms.length
  const eps = precisionOf(A)
  const normal = function* (Y: Matrix): Steps<Matrix> {
    return yield* adjointProduct(M, yield* normalProduct(T, yield* product(M, Y)))
  }
  const N = operatorFromSteps([rank, rank], false, { matmat: normal, rmatmat: normal }, eps)
  const interval = [(1 + spread) ** -2, (1 - spread) ** -2] as const
  let iterations = 0
  for (let start = 0; start < STARTS; start++) {
    const R = yield* residualSteps(A, side.B, X)
    const G = yield* adjointProduct(M, wide ? R : yield* adjointProduct(T, R))
    // Of length 1, so that their squares neither overflow nor vanish.
    const sizes = normalizeColumns(G)
    const before = columnNorms(X)
    // ‖g‖ is about ‖A(x − x*)‖ and, where A is wide, ‖x − x*‖ itself.
    const target = sizes.map(
      (size, j) => (eps * (wide ? Math.max(size, before[j]!) : norm * before[j]! + side.norms[j]!)) / size,
    )
    const live = sizes.map((size, j) => Number(size > 0 && target[j]! < 1))
    if (!live.includes(1)) return iterations
    const Y = wrap(new Float64Array(rank * k), rank, k)
    if (iterations < maxIterations) {
      const run = { X: Y, R: G, target, live, first: iterations, maxIterations }
      iterations +=
        method === 'iterative'
          ? yield* heavyBallSteps(FN, N, interval, run)
          : yield* descendSteps(FN, N, undefined, run)
    }
    const MY = yield* product(M, Y)
    const Z = wide ? yield* product(T, MY) : MY
    yield* addScaledSteps(X, sizes, Z)
    if (live.includes(1)) {
      const best = yield* solutionSteps(problem, X, iterations, rank)
      throw new ConvergenceError({
        fn: FN,
        argument: 'options.maxIterations',
        expected: 'as many iterations as it takes to come to rounding level',
        given: String(maxIterations),
        iterations,
        residual: best.residual,
        best,
      })
    }
    const x = columnNorms(X)
    const z = columnNorms(Z).map((length, j) => length * sizes[j]!)
    const done = (size: number, j: number): boolean =>
      wide ? size <= x[j]! / 2 : norm * size <= norm * x[j]! + side.norms[j]!
    if (z.every(done)) return iterations
  }
  return iterations
}
