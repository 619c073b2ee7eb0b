import { asVector } from '../linalg/arrays.js'
import type { VectorLike } from '../linalg/arrays.js'
import { OptionError } from '../linalg/errors.js'
import { integer, nonNegative, oneOf, optional, readOptions, withDefault } from '../linalg/options.js'
import type { Reader } from '../linalg/options.js'
import { gaussian, rademacher } from './densesketch.js'
import { rowSampling } from './rowsampling.js'
import { checkedScores } from './samplerows.js'
import type { Sketch } from './sketch.js'
import { countSketch, sparseSign } from './sparsesketch.js'
import { srht } from './srht.js'
import { srtt } from './srtt.js'

/** The sketches that `chooseSketch` chooses from, by the names of the functions that make them. */
export type SketchKind =
  'gaussian' | 'rademacher' | 'sparseSign' | 'countSketch' | 'srht' | 'srtt' | 'rowSampling'

/** The problem that `chooseSketch` chooses for, and the accuracy that is asked of it. */
export interface ChooseSketchOptions {
  /** Rows of A. */
  readonly n: number
  /** Columns of A, or the dimension of the subspace; for a rangefinder the rank that is wanted. */
  readonly d: number
  /** In (0, 1); above 0 for a rangefinder. Default ½. */
  readonly epsilon?: number | undefined
  /** The probability of failure, in (0, 1). Default 0.01. */
  readonly delta?: number | undefined
  /**
   * 'embedding' (default): all singular values of SU lie in [1 − ε, 1 + ε], for an orthonormal basis U of the
   * subspace. 'precondition': the same, for the R of SA = QR; A·R⁻¹ has a condition of at most
   * (1 + ε)/(1 − ε). 'rangefinder': the rows of S·A span A's leading d singular vectors well enough that the
   * projection errs by at most 1 + ε times the best in the Frobenius norm.
   */
  readonly goal?: 'embedding' | 'precondition' | 'rangefinder' | undefined
  /** 'theorem' (default): a size that is proved. 'practice': what is known to do from experiments. */
  readonly basis?: 'theorem' | 'practice' | undefined
  /** Default: the one whose S·A and QR take the fewest operations, in practice among those it has sizes for. */
  readonly kind?: SketchKind | undefined
  /** Nonzeros of A, for the count of operations. Default n·d. */
  readonly nnz?: number | undefined
  /** The leverage scores of A's rows, exact, for 'rowSampling'; without them it is uniform. */
  readonly scores?: VectorLike | undefined
}

/** A sketch, or that there is none worth it. */
export interface SketchChoice {
  /** 'none' where every sketch that would do has as many rows as A: use A itself. */
  readonly kind: SketchKind | 'none'
  /** Rows of the sketch; n for 'none'. */
  readonly rows: number
  /** Of 'sparseSign'. */
  readonly nnzPerColumn?: number
  /** What is promised: ε, 0 for 'none'. */
  readonly distortion: number
  /** With which probability at most it does not hold: δ; NaN where nothing is proved. */
  readonly failure: number
  /** Where that is proved, or that it is not. */
  readonly theorem: string
  /** The sketch, rows × n. Absent for 'none'. */
  readonly sketch?: (seed?: number) => Sketch
}

/**
 * Which sketch, and how many rows of it, for a subspace of dimension d in n dimensions, a distortion ε and a
 * probability of failure δ, with the theorem that says so. Sizes by theorem hold for every subspace, with
 * their constants; most are several times what experiments need, which basis: 'practice' gives.
 *
 * By theorem, for 'embedding' and 'precondition', with η = 2ε − ε²:
 * - 'gaussian' (√d + √(2·ln(2/δ)))²/ε²: Davidson, Szarek 2001, theorem II.13.
 * - 'rademacher' (d·ln 9 + ln(2/δ))/(η²/16 − η³/48): Achlioptas 2003, on a ¼-net of the sphere.
 * - 'countSketch' and 'sparseSign' (d² + d)/(δη²): the second moment of UᵀSᵀSU − I and Markov (Clarkson, Woodruff
 *   2013; Nelson, Nguyên 2013). For 8 nonzeros the bound is the same; better ones leave their constants open.
 * - 'srht' (√d + √(8·ln(2N/δ)))²·ln(4d/δ)/h(ε), 'srtt' twice that: Tropp 2011, lemmas 3.3 and 3.4. Both tails have
 *   exponent h(ε) = min of b·ln b − b + 1 at b = (1 ± ε)², about 2ε².
 * - 'rowSampling' L·ln(2d/δ)/h(ε) with L = Σℓᵢ = d by leverage scores and L = n without: Tropp 2012.
 *
 * For 'rangefinder' 'gaussian' alone: Halko, Martinsson, Tropp 2011, theorem 10.7, in practice the mean of theorem
 * 10.5. In practice 'rademacher', 'sparseSign' and 'srht' do with the Gaussian's size, 'srtt' with twice that, and a
 * preconditioner with d/ε² rows, 4d by default.
 *
 * @returns a `SketchChoice`; `kind` is 'none' where the sketch would have n rows or more.
 * @throws OptionError, also for d above n and for a `kind` without a theorem for the goal; ShapeError where there
 * are not n leverage scores.
 * Cost: a few operations.
 * Source: Martinsson, Tropp 2020, "Randomized numerical linear algebra: foundations and algorithms", sections 8
 * and 9, and those above.
 *
 * @example
 * ```ts
 * import { chooseSketch, random } from 'lowrank'
 * const choice = chooseSketch({ n: 5000, d: 10, epsilon: 0.5, delta: 0.01 })
 * console.log(choice.kind, choice.rows, choice.theorem)
 * choice.sketch?.(7).matmat(random.normal([5000, 10]))
 * chooseSketch({ n: 5000, d: 10, goal: 'precondition', basis: 'practice' }).rows   // 40
 * ```
 */
export function chooseSketch(options: ChooseSketchOptions): SketchChoice {
  const plan = readOptions(FN, options, {
    n: integer(1),
    d: integer(1),
    epsilon: withDefault(positive, 0.5),
    delta: withDefault(fraction, 0.01),
    goal: withDefault(oneOf('embedding', 'precondition', 'rangefinder'), 'embedding'),
    basis: withDefault(oneOf('theorem', 'practice'), 'theorem'),
    kind: optional(oneOf(...(Object.keys(KINDS) as SketchKind[]))),
    nnz: optional(nonNegative),
    scores: optional((value) => asVector(value, FN, 'options.scores')),
  })
  const { n, d, epsilon, delta, goal, basis, scores } = plan
  if (scores !== undefined) checkedScores(scores, n, FN)
  if (d > n) refuse('options.d', `at most n = ${n}`, String(d))
  if (goal !== 'rangefinder' && epsilon >= 1) refuse('options.epsilon', 'a number in (0, 1)', String(epsilon))
  const names = (Object.keys(KINDS) as SketchKind[]).filter((name) =>
    plan.kind === undefined ? basis === 'theorem' || KINDS[name].practice !== undefined : name === plan.kind,
  )
  const problem: Problem = { n, d, epsilon, delta, nnz: plan.nnz ?? n * d, scores }
  const sizes = names.flatMap((kind) => {
    const size = sizeOf(kind, problem, goal, basis)
    return size === undefined ? [] : [{ kind, ...size }]
  })
  if (sizes.length === 0)
    refuse('options.kind', "'gaussian', which has a theorem for a rangefinder", names[0]!)
  const worth = sizes.filter(({ rows }) => rows < n)
  if (worth.length === 0)
    return { kind: 'none', rows: n, distortion: 0, failure: 0, theorem: tooLarge(sizes, n) }
  const work = ({ kind, rows }: { kind: SketchKind; rows: number }): number =>
    KINDS[kind].cost(rows, problem) + 2 * rows * d * d + (goal === 'rangefinder' ? 2 * rows * problem.nnz : 0)
  const { kind, rows, theorem, proved } = worth.reduce((best, size) =>
    work(size) < work(best) ? size : best,
  )
  return {
    kind,
    rows,
    ...(kind === 'sparseSign' && { nnzPerColumn: Math.min(rows, NONZEROS) }),
    distortion: epsilon,
    failure: proved ? delta : NaN,
    theorem,
    sketch: (seed = 0) => KINDS[kind].make([rows, n], seed, problem),
  }
}

const FN = 'chooseSketch'

const fraction: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value < 1 ? value : fail('a number in (0, 1)')

const positive: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value < Infinity ? value : fail('a finite number > 0')

function refuse(argument: string, expected: string, given: string): never {
  throw new OptionError({ fn: FN, argument, expected, given })
}

interface Problem {
  readonly n: number
  readonly d: number
  readonly epsilon: number
  readonly delta: number
  readonly nnz: number
  readonly scores: Float64Array | undefined
}

interface Kind {
  /** Rows that are proved to embed. */
  readonly rows: (problem: Problem) => number
  readonly theorem: string
  /** Rows in practice, in parts of the Gaussian's; where absent the theorem is all there is. */
  readonly practice?: number
  /** Multiplications, or what takes as long, of S·A. */
  readonly cost: (rows: number, problem: Problem) => number
  readonly make: (shape: [number, number], seed: number, problem: Problem) => Sketch
}

/** Nonzeros of a column of the sparse sign sketch. */
const NONZEROS = 8
/** What a normal number, and a sign or an index, cost beside a multiplication. */
const NORMAL = 50
const SIGN = 5

const moment = ({ d, epsilon, delta }: Problem): number => (d * d + d) / (delta * eta(epsilon) ** 2)
/** ‖UᵀSᵀSU − I‖ <= η puts the singular values of SU in [1 − ε, 1 + ε]. */
const eta = (epsilon: number): number => epsilon * (2 - epsilon)

/** Matrix Chernoff: rows that add up to I, none of them above L of their mean. */
function chernoff(L: number, d: number, epsilon: number, delta: number): number {
  const exponent = (b: number): number => b * Math.log(b) - b + 1
  return (
    (L * Math.log((2 * d) / delta)) / Math.min(exponent((1 - epsilon) ** 2), exponent((1 + epsilon) ** 2))
  )
}

/** Half of δ for the rows that a transform of N points mixes badly, half for the sampling. */
function transformed(N: number, { d, epsilon, delta }: Problem, factor: number): number {
  const L = factor * (Math.sqrt(d) + Math.sqrt(8 * Math.log((2 * N) / delta))) ** 2
  return chernoff(Math.min(N, L), d, epsilon, delta / 2)
}

const padded = (n: number): number => 2 ** Math.ceil(Math.log2(n))

const KINDS: Readonly<Record<SketchKind, Kind>> = {
  gaussian: {
    rows: ({ d, epsilon, delta }) => ((Math.sqrt(d) + Math.sqrt(2 * Math.log(2 / delta))) / epsilon) ** 2,
    theorem: 'Davidson, Szarek 2001, theorem II.13',
    practice: 1,
    cost: (rows, { n, nnz }) => 2 * rows * nnz + NORMAL * rows * n,
    make: (shape, seed) => gaussian(shape, { seed }),
  },
  rademacher: {
    rows: ({ d, epsilon, delta }) => {
      const half = eta(epsilon) / 2
      return (d * Math.log(9) + Math.log(2 / delta)) / (half ** 2 / 4 - half ** 3 / 6)
    },
    theorem: 'Achlioptas 2003, theorem 1.1, on a ¼-net of the sphere',
    practice: 1,
    cost: (rows, { n, nnz }) => 2 * rows * nnz + SIGN * rows * n,
    make: (shape, seed) => rademacher(shape, { seed }),
  },
  sparseSign: {
    rows: (problem) => Math.max(NONZEROS, moment(problem)),
    theorem: 'Nelson, Nguyên 2013, theorem 3: second moment and Markov',
    practice: 1,
    cost: (_, { n, nnz }) => NONZEROS * (2 * nnz + SIGN * n),
    make: (shape, seed) => sparseSign(shape, { seed, nnzPerColumn: NONZEROS }),
  },
  countSketch: {
    rows: moment,
    theorem: 'Clarkson, Woodruff 2013; Nelson, Nguyên 2013, theorem 3: second moment and Markov',
    cost: (_, { n, nnz }) => 2 * nnz + SIGN * n,
    make: (shape, seed) => countSketch(shape, { seed }),
  },
  srht: {
    rows: (problem) => transformed(padded(problem.n), problem, 1),
    theorem: 'Tropp 2011 (subsampled randomized Hadamard transform), lemmas 3.3 and 3.4',
    practice: 1,
    cost: (_, { n, d }) => 2 * padded(n) * Math.log2(padded(n)) * d,
    make: (shape, seed) => srht(shape, { seed }),
  },
  srtt: {
    rows: (problem) => transformed(problem.n, problem, 2),
    theorem:
      'Tropp 2011 (subsampled randomized Hadamard transform), lemmas 3.3 and 3.4, for a cosine transform',
    practice: 2,
    cost: (_, { n, d }) => 10 * n * Math.log2(n) * d,
    make: (shape, seed) => srtt(shape, { seed }),
  },
  rowSampling: {
    rows: ({ n, d, epsilon, delta, scores }) =>
      chernoff(scores === undefined ? n : scores.reduce((sum, score) => sum + score, 0), d, epsilon, delta),
    theorem: 'Tropp 2012 (user-friendly tail bounds), theorem 1.1',
    cost: (rows, { d }) => rows * d,
    make: (shape, seed, { scores }) => rowSampling(shape, { seed, scores }),
  },
}

function sizeOf(
  kind: SketchKind,
  problem: Problem,
  goal: 'embedding' | 'precondition' | 'rangefinder',
  basis: 'theorem' | 'practice',
): { rows: number; theorem: string; proved: boolean } | undefined {
  const { rows, theorem, practice } = KINDS[kind]
  const { d, epsilon, delta } = problem
  if (goal === 'rangefinder') {
    if (basis === 'theorem') {
      if (kind !== 'gaussian') return undefined
      return {
        rows: d + oversampling(d, epsilon, delta),
        theorem: 'Halko, Martinsson, Tropp 2011, theorem 10.7',
        proved: true,
      }
    }
    if (practice === undefined) return undefined
    const mean = Math.max(2, Math.ceil(1 + d / ((1 + epsilon) ** 2 - 1)))
    return {
      rows: Math.ceil(practice * (d + mean)),
      proved: false,
      theorem:
        kind === 'gaussian'
          ? 'in the mean: Halko, Martinsson, Tropp 2011, theorem 10.5'
          : "none: the Gaussian's mean in practice",
    }
  }
  if (basis === 'theorem' || practice === undefined) {
    return { rows: Math.ceil(rows(problem)), theorem, proved: true }
  }
  const like = goal === 'precondition' ? d / epsilon ** 2 : KINDS.gaussian.rows(problem)
  return { rows: Math.ceil(practice * like), theorem: "none: the Gaussian's size in practice", proved: false }
}

/** The least oversampling l >= 4 that theorem 10.7 asks for, with δ divided evenly between its two events. */
function oversampling(k: number, epsilon: number, delta: number): number {
  const u = Math.sqrt(2 * Math.log(4 / delta))
  const excess = (l: number): number => {
    const t = (10 / delta) ** (1 / l)
    return t * (Math.sqrt((12 * k) / l) + (u * Math.E * Math.sqrt(k + l)) / (l + 1))
  }
  let high = 4
  while (excess(high) > epsilon) high *= 2
  let low = 3
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (excess(middle) <= epsilon) high = middle
    else low = middle
  }
  return high
}

function tooLarge(sizes: readonly { kind: SketchKind; rows: number; theorem: string }[], n: number): string {
  const { kind, rows, theorem } = sizes.reduce((least, size) => (size.rows < least.rows ? size : least))
  return `'${kind}' has the fewest rows, ${rows}, and that is not below n = ${n} (${theorem})`
}
