import { contiguous, dense } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { ShapeError, describe } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { precisionOf } from '../../linalg/operators.js'
import type { AnyOperator, LinearOperator, Operand, SyncOperand } from '../../linalg/operators.js'
import { integer, nonNegative, oneOf, optional, readOptions, withDefault } from '../../linalg/options.js'
import { columnsOf } from '../../linalg/products.js'
import { fromSteps, report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { beside, columnRange, leadingRows, orient } from '../../linalg/thin.js'
import { compressSteps, nothing } from './compress.js'
import type { Compressed } from './compress.js'
import { keptRank } from './incrementalsvd.js'
import { joinSteps, jointErrorSteps, single } from './jointerror.js'
import type { Group, Prediction } from './jointerror.js'
import { factored, innerSteps, subtractProductSteps, svdResult } from '../lowrank.js'
import type { Svd } from '../lowrank.js'

/** The rank of each cluster of `concatenatedSvd`, and the error up to which blocks share one. */
export interface ConcatenatedSvdOptions extends RunOptions {
  /** The rank of each cluster's SVD; fewer rows or columns have less. */
  readonly rank: number
  /** Blocks share an SVD only where its ‖M − M̂‖_F is at most so much of ‖M‖_F, for the M of them side by side. */
  readonly maxError: number
  /**
   * How the error of blocks together is told, never less than it is: 'weyl' from their singular values alone,
   * 'residual' from what one adds to the span of the other, 'incremental' (default) from a joint SVD of what is kept of
   * them. Each is at least as close as the one before, for more work.
   */
  readonly method?: Prediction | undefined
  /**
   * 'agglomerative' (default): the two clusters that lose least together are joined, until no two may be. 'greedy': each
   * block, largest first, goes where it loses least, or opens a cluster.
   */
  readonly clustering?: 'agglomerative' | 'greedy' | undefined
  /** Directions that are kept of each block and cluster in between, at least `rank`. Default 2·rank. */
  readonly keep?: number | undefined
}

/** Blocks in clusters, each with one SVD of its blocks side by side. */
export interface ConcatenatedSvd {
  /** The blocks of each cluster, ascending; a cluster comes where its first block does. */
  readonly clusters: readonly Int32Array[]
  /** The SVD of each cluster's blocks side by side; its `errorEstimate` is its error, to rounding. */
  readonly factors: readonly Svd[]
  /** The relative error of each cluster as it was told before: at least that of its factors. */
  readonly predicted: Float64Array
  /** ‖Aⱼ − Âⱼ‖_F / ‖Aⱼ‖_F of each block. */
  readonly blockErrors: Float64Array
  /** The error of all blocks, relative to the norm of all. */
  readonly errorEstimate: number
  readonly errorNorm: 'fro'
  /** Sweeps over each block. */
  readonly passes: number
  /** Âⱼ: block j as its cluster's factors have it. */
  block(j: number): LinearOperator & { toDense(): Matrix }
}

/**
 * Which matrices may share one truncated SVD, side by side, within an error; and those SVDs.
 *
 * @param blocks - matrices or operators m × nⱼ of the same m.
 * @param options - `rank` and `maxError` at least. A block that exceeds `maxError` by itself is a cluster of its own, and
 * so is one that no other goes with; all other clusters are within `maxError`.
 * @returns `{ clusters, factors, predicted, blockErrors, errorEstimate, block(j) }`. With 'agglomerative' a larger
 * `maxError` never gives more clusters.
 * @throws ShapeError where the blocks are no list, or differ in m; OptionError, NotFiniteError, and `signal.reason` on an
 * abort. Blocks that answer with Promises are taken by `concatenatedSvd.async`, which runs cooperatively for any.
 * Cost, for N blocks and n columns in all: two passes by columns, 30·m·n·keep + 4·m·n·rank flops; then for each two
 * clusters that are looked at, N² of them or more (greedy: N²/2 at most), next to nothing by 'weyl', and about
 * 14·m·keep² and 20·m·keep² flops by 'residual' and 'incremental'. Memory N·m·keep numbers and the factors.
 * Source: Shamrai 2026, "Concatenated matrix SVD: compression bounds, incremental approximation, and error-constrained
 * clustering". Errors are summed from what is given up instead of subtracted from energies; 'residual' counts also what
 * the second block has in the first one's span, and is never above 'weyl'; the factors are fitted to the blocks
 * themselves in a second pass, which is where their exact errors come from.
 *
 * @example
 * ```ts
 * import { concatenatedSvd, matmul, random } from 'lowrank'
 * const spans = [random.normal([40, 3], { seed: 1 }), random.normal([40, 3], { seed: 2 })]
 * const blocks = [0, 1, 1, 0].map((c, j) => matmul(spans[c], random.normal([3, 20], { seed: 10 + j })))
 * const { clusters, factors } = concatenatedSvd(blocks, { rank: 3, maxError: 0.01 })   // [0, 3] and [1, 2]
 * ```
 */
export const concatenatedSvd: {
  (blocks: readonly SyncOperand[], options: ConcatenatedSvdOptions): ConcatenatedSvd
  async(blocks: readonly Operand[], options: ConcatenatedSvdOptions): Promise<ConcatenatedSvd>
} = /*#__PURE__*/ fromSteps(concatenatedSteps, 1)

const FN = 'concatenatedSvd'

interface Plan {
  readonly rank: number
  readonly maxError: number
  readonly method: Prediction
  readonly keep: number
}

function* concatenatedSteps(
  given: readonly Operand[],
  options: ConcatenatedSvdOptions,
): Steps<ConcatenatedSvd> {
  const { clustering, ...read } = readOptions(FN, options, {
    rank: integer(1),
    maxError: nonNegative,
    method: withDefault(oneOf('weyl', 'residual', 'incremental'), 'incremental'),
    clustering: withDefault(oneOf('agglomerative', 'greedy'), 'agglomerative'),
    keep: optional(integer(1)),
  })
  const plan = { ...read, keep: keptRank(FN, read.rank, read.keep) }
  const blocks = yield* takenSteps(given)
  const kept: Compressed[] = []
  for (const A of blocks) {
    yield* report(FN, 'compress', kept.length, blocks.length)
    kept.push(yield* columnsKeptSteps(A, plan.keep))
  }
  const singles = kept.map((block, j) => single(j, block, plan.rank))
  const found = yield* (clustering === 'greedy' ? greedySteps : agglomerateSteps)(singles, plan)
  const groups = found
    .map((group) => ({ ...group, blocks: [...group.blocks].sort((i, j) => i - j) }))
    .sort((a, b) => a.blocks[0]! - b.blocks[0]!)

  const fits: Fit[] = []
  for (const group of groups) {
    yield* report(FN, 'fit', fits.length, groups.length)
    const basis = plan.method === 'weyl' ? yield* foldedSteps(group, kept, plan.keep) : group.kept
    const members = group.blocks.map((j) => ({ A: blocks[j]!, norm: kept[j]!.norm }))
    fits.push(yield* fitSteps(members, basis, plan.rank))
  }
  const errors = new Float64Array(blocks.length)
  groups.forEach((group, c) => group.blocks.forEach((j, t) => (errors[j] = fits[c]!.errors[t]!)))
  const norms = Float64Array.from(kept, ({ norm }) => norm)
  return {
    clusters: groups.map((group) => Int32Array.from(group.blocks)),
    factors: fits.map(({ svd }) => svd),
    predicted: Float64Array.from(groups, ({ error, norm }) => relative(error, norm)),
    blockErrors: errors.map((error, j) => relative(error, norms[j]!)),
    errorEstimate: relative(norm2(errors), norm2(norms)),
    errorNorm: 'fro',
    passes: 2,
    block(j) {
      const c = groups.findIndex((group) => group.blocks.includes(j))
      if (c < 0) {
        const expected = `an index in [0, ${blocks.length})`
        throw new ShapeError({ fn: `${FN}.block`, argument: 'j', expected, given: describe(j) })
      }
      const before = groups[c]!.blocks.filter((i) => i < j).reduce((sum, i) => sum + blocks[i]!.shape[1], 0)
      const { U, s, Vt, precision } = fits[c]!.svd
      return factored([U, s, columnRange(Vt, before, before + blocks[j]!.shape[1])], precision)
    },
  }
}

function* takenSteps(given: readonly Operand[]): Steps<AnyOperator[]> {
  if (!Array.isArray(given)) {
    throw new ShapeError({
      fn: FN,
      argument: 'blocks',
      expected: 'a list of matrices',
      given: describe(given),
    })
  }
  const blocks: AnyOperator[] = []
  for (const block of given as readonly Operand[]) {
    const argument = `blocks[${blocks.length}]`
    const A = yield* operandSteps(block, FN, argument)
    const m = blocks[0]?.shape[0] ?? A.shape[0]
    if (A.shape[0] !== m) {
      throw new ShapeError({ fn: FN, argument, expected: `${m} rows`, given: A.shape.join('×') })
    }
    blocks.push(A)
  }
  return blocks
}

/** What is kept of the columns of A, read once. */
function* columnsKeptSteps(A: AnyOperator, keep: number): Steps<Compressed> {
  const [m, n] = A.shape
  let kept = nothing(m)
  for (let from = 0; from < n;) {
    const to = Math.min(n, from + 3 * keep - kept.s.length)
    const rows = contiguous((yield* columnsOf(A, range(from, to))).transpose(1, 0))
    kept = yield* compressSteps([kept, rows], m, keep, false)
    from = to
  }
  return kept
}

function* agglomerateSteps(groups: readonly Group[], plan: Plan): Steps<Group[]> {
  const live = [...groups]
  // Of i and j < i, what they would lose together.
  const errors: number[][] = []
  for (const [i, group] of live.entries()) {
    yield* report(FN, 'compare', i, live.length)
    errors.push([])
    for (let j = 0; j < i; j++)
      errors[i]!.push(yield* jointErrorSteps(plan.method, live[j]!, group, plan.rank))
  }
  for (;;) {
    let best = { i: 0, j: 0, error: 0, ratio: Infinity }
    for (let i = 0; i < live.length; i++) {
      for (let j = 0; j < i; j++) {
        const error = errors[i]![j]!
        const ratio = relative(error, Math.hypot(live[i]!.norm, live[j]!.norm))
        if (ratio < best.ratio) best = { i, j, error, ratio }
      }
    }
    const { i, j, error } = best
    if (best.ratio > plan.maxError) return live
    yield* report(FN, 'join', groups.length - live.length, groups.length)
    const group = yield* joinSteps(plan.method, live[j]!, live[i]!, error, plan.keep)
    live[j] = group
    for (const list of [live, errors]) list.splice(i, 1)
    for (const row of errors.slice(i)) row.splice(i, 1)
    for (let t = 0; t < live.length; t++) {
      if (t === j) continue
      errors[Math.max(t, j)]![Math.min(t, j)] = yield* jointErrorSteps(
        plan.method,
        live[t]!,
        group,
        plan.rank,
      )
    }
  }
}

function* greedySteps(groups: readonly Group[], plan: Plan): Steps<Group[]> {
  const clusters: Group[] = []
  const order = [...groups].sort((a, b) => b.norm - a.norm)
  for (const [done, block] of order.entries()) {
    yield* report(FN, 'place', done, order.length)
    let best = { c: -1, error: 0, ratio: Infinity }
    for (const [c, cluster] of clusters.entries()) {
      const error = yield* jointErrorSteps(plan.method, cluster, block, plan.rank)
      const ratio = relative(error, Math.hypot(cluster.norm, block.norm))
      if (ratio < best.ratio) best = { c, error, ratio }
    }
    const { c, error, ratio } = best
    if (ratio > plan.maxError) clusters.push(block)
    else clusters[c] = yield* joinSteps(plan.method, clusters[c]!, block, error, plan.keep)
  }
  return clusters
}

/** What is kept of all columns of a group that was found from spectra alone. */
function* foldedSteps(group: Group, kept: readonly Compressed[], keep: number): Steps<Compressed> {
  let whole = kept[group.blocks[0]!]!
  for (const j of group.blocks.slice(1)) {
    whole = yield* compressSteps([whole, kept[j]!], whole.Vt.shape[1]!, keep, false)
  }
  return whole
}

interface Fit {
  readonly svd: Svd
  /** ‖Aⱼ − Âⱼ‖_F of each member. */
  readonly errors: Float64Array
}

/** Numbers of the columns that are read at a time. */
const CHUNK = 2 ** 16

/** The best approximation of the members within the span of the first `rank` directions, and its error. */
function* fitSteps(
  members: readonly { readonly A: AnyOperator; readonly norm: number }[],
  basis: Compressed,
  rank: number,
): Steps<Fit> {
  const [r, m] = [Math.min(rank, basis.s.length), basis.Vt.shape[1]!]
  const U = contiguous(leadingRows(basis.Vt, r).transpose(1, 0))
  const width = Math.max(16, Math.floor(CHUNK / Math.max(m, 1)))
  const coefficients: Matrix[] = []
  const errors: number[] = []
  for (const { A } of members) {
    const parts: number[] = []
    for (let from = 0; from < A.shape[1]; from += width) {
      const X = yield* columnsOf(A, range(from, Math.min(A.shape[1], from + width)))
      const UtX = yield* innerSteps(U, X)
      yield* subtractProductSteps(X, U, UtX)
      coefficients.push(UtX)
      parts.push(norm2(X.data))
    }
    errors.push(Math.hypot(...parts))
  }
  const C = beside(coefficients, r)
  const core = yield* denseSvdSteps(dense(C), 'thin')
  const left = (yield* multiplySteps(dense(U), dense(core.U))) as Matrix
  orient(left, core.Vt)
  const error = relative(Math.hypot(...errors), Math.hypot(...members.map(({ norm }) => norm)))
  const precision = Math.max(...members.map(({ A }) => precisionOf(A)))
  const svd = svdResult(left, core.s, core.Vt, { passes: 2, errorEstimate: error, precision })
  return { svd, errors: Float64Array.from(errors) }
}

const range = (from: number, to: number): Int32Array =>
  Int32Array.from({ length: to - from }, (_, t) => from + t)

/** A part of a norm; 0 where there is nothing. */
const relative = (part: number, norm: number): number => (norm === 0 ? 0 : part / norm)
