import { dense, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { inverseCosineSteps } from '../../linalg/transforms/dct.js'
import { OptionError } from '../../linalg/errors.js'
import { largestIndices } from '../../linalg/dense/largest.js'
import type { Shape } from '../../linalg/operators.js'
import { bool, integer, oneOf, optional, readOptions, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { qrSteps } from '../../linalg/dense/qr.js'
import { STREAM, normalBlock, uniformBlock } from '../../linalg/random.js'
import type { Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { leadingColumns, leadingRows, pickedColumns, transposed } from '../../linalg/thin.js'
import { rsvdReaders, rsvdSteps } from '../../factorize/svd/rsvd.js'
import type { Gradient } from './leaves.js'
import type { Moment } from './optimizer.js'
import type { Subspace } from './subspace.js'
import { zerosOf } from './transform.js'

/** Chooses the subspace of a projected optimizer, at the first update and after every `gap`. */
export interface Projector {
  /** Updates from one choice to the next. */
  readonly gap: number
  /** What a choice does to what the inner transform remembers: nothing, all is forgotten, or coordinates go along. */
  readonly moments: 'keep' | 'clear' | 'carry'
  /** Throws where the shape does not suit. */
  check?(shape: Shape, fn: string, argument: string): void
  /** The subspace, and down(G) where that is known by then. */
  chooseSteps(G: Gradient, at: Moment): Steps<{ readonly subspace: Subspace; readonly R?: Matrix }>
}

type ProjType = 'std' | 'reverseStd' | 'left' | 'right' | 'full'

export interface SvdProjectorOptions {
  /** r, at most min(m, n). */
  readonly rank?: number | undefined
  /** In its place: r = round(density·min(m, n)), density in [0, 1]. */
  readonly density?: number | undefined
  /** T: updates from one choice to the next. Default 200. */
  readonly updateProjGap?: number | undefined
  /** 'std' projects the longer side away from the shorter: R is m × r for m >= n, else r × n; 'full': r × r. */
  readonly projType?: ProjType | undefined
  /** Default 'randomized'; 'exact' is a dense SVD. */
  readonly svd?: 'randomized' | 'exact' | undefined
  /** Columns of the sketch beyond `rank`. Default 8. */
  readonly oversample?: number | undefined
  /** Power iterations of the randomized SVD. Default 1. */
  readonly powerIterations?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

export const gapReader = withDefault(integer(1), 200)

export const densityReader: Reader<number> = (value, fail) =>
  typeof value === 'number' && value >= 0 && value <= 1 ? value : fail('a number in [0, 1]')

const sizeReaders = { rank: optional(integer(1)), density: optional(densityReader) }

export const svdProjectorReaders = {
  ...sizeReaders,
  updateProjGap: gapReader,
  projType: withDefault(oneOf('std', 'reverseStd', 'left', 'right', 'full'), 'std'),
  svd: withDefault(oneOf('randomized', 'exact'), 'randomized'),
  oversample: withDefault(integer(0), 8),
  powerIterations: withDefault(integer(0), 1),
  seed,
}

/** The leading singular vectors of the gradient. */
function svd(options: SvdProjectorOptions): Projector {
  const plan = readOptions('projectors.svd', options, svdProjectorReaders)
  const rankOf = sizeOf('projectors.svd', plan)
  const { updateProjGap: gap, projType } = plan
  return {
    gap,
    moments: 'keep',
    check: (shape, fn, argument) => {
      checkRank(rankOf(...shape), shape, fn, argument)
    },
    *chooseSteps(G, at) {
      const [left, right] = sidesOf(projType, G)
      const { U, Vt } = yield* leadingSteps(G, rankOf(G.rows, G.cols), plan, at)
      return {
        subspace: {
          kind: 'frame',
          ...(left ? { left: U } : {}),
          ...(right ? { right: transposed(Vt) } : {}),
        },
      }
    },
  }
}

/** U, m × r, and Vt, r × n, of the gradient. */
function* leadingSteps(
  G: Gradient,
  rank: number,
  plan: ReturnType<typeof readOptions<typeof svdProjectorReaders>>,
  at: Moment,
): Steps<{ U: Matrix; Vt: Matrix }> {
  if (rank === 0) return { U: zerosOf([G.rows, 0]), Vt: zerosOf([0, G.cols]) }
  if (plan.svd === 'exact') {
    const { U, Vt } = yield* denseSvdSteps(dense(yield* G.entries()), 'thin')
    return { U: leadingColumns(U, rank), Vt: leadingRows(Vt, rank) }
  }
  const { oversample, powerIterations } = plan
  const options = { rank, oversample, powerIterations, seed: seedOf(plan.seed, at) }
  const read = readOptions(at.fn, options, rsvdReaders)
  return yield* rsvdSteps(at.fn, yield* G.operator(), read)
}

function sidesOf(type: ProjType, { rows, cols }: Gradient): readonly [left: boolean, right: boolean] {
  if (type === 'full') return [true, true]
  const right = type === 'std' ? rows >= cols : type === 'reverseStd' ? rows < cols : type === 'right'
  return [!right, right]
}

interface RandomProjectorOptions {
  /** Basis vectors, at most min(m, n). */
  readonly rank?: number | undefined
  /** In its place: round(density·min(m, n)), density in [0, 1]. */
  readonly density?: number | undefined
  readonly updateProjGap?: number | undefined
  readonly seed?: number | undefined
}

/** Random orthonormal vectors, on the shorter side. What the inner transform remembers is forgotten at each choice. */
function randomFrame(options: RandomProjectorOptions): Projector {
  const plan = readOptions('projectors.random', options, { ...sizeReaders, updateProjGap: gapReader, seed })
  const rankOf = sizeOf('projectors.random', plan)
  return {
    gap: plan.updateProjGap,
    moments: 'clear',
    check: (shape, fn, argument) => {
      checkRank(rankOf(...shape), shape, fn, argument)
    },
    *chooseSteps(G, at) {
      const [k, rank] = [Math.min(G.rows, G.cols), rankOf(G.rows, G.cols)]
      const block = {
        seed: seedOf(plan.seed, at),
        stream: STREAM.subspace,
        i0: 0,
        i1: k,
        j0: 0,
        j1: rank,
      }
      const { Q } = yield* qrSteps(wrap(normalBlock(block), k, rank))
      return { subspace: { kind: 'frame', ...(G.rows >= G.cols ? { right: Q } : { left: Q }) } }
    },
  }
}

export interface CoordinateProjectorOptions {
  /** How many of all, rounded down; in [0, 1]. */
  readonly density: number
  readonly updateProjGap?: number | undefined
  readonly seed?: number | undefined
}

/** A projector onto coordinates that are drawn without replacement. */
function coordinates(
  fn: string,
  options: CoordinateProjectorOptions,
  choose: (G: Gradient, density: number, seed: number, at: Moment) => Subspace,
): Projector {
  const plan = readOptions(fn, options, { density: densityReader, updateProjGap: gapReader, seed })
  return {
    gap: plan.updateProjGap,
    moments: 'clear',
    // eslint-disable-next-line require-yield -- steps by contract
    *chooseSteps(G, at) {
      return { subspace: choose(G, plan.density, plan.seed, at) }
    },
  }
}

/** Which projectors there are; each is a function of its options. */
export const projectors = {
  svd,
  random: randomFrame,
  /** ⌊density·n⌋ random columns of the gradient. */
  columns: (options: CoordinateProjectorOptions): Projector =>
    coordinates('projectors.columns', options, (G, density, seed, at) => ({
      kind: 'columns',
      indices: drawn(G.cols, Math.floor(density * G.cols), seedOf(seed, at)),
    })),
  /** ⌊density·m·n⌋ random entries of the gradient. */
  entries: (options: CoordinateProjectorOptions): Projector =>
    coordinates('projectors.entries', options, ({ rows, cols }, density, seed, at) => ({
      kind: 'entries',
      indices: drawn(rows * cols, Math.floor(density * rows * cols), seedOf(seed, at)),
    })),
  /** round(density·count) of the matrices that are trained, whole; the others not at all. */
  blocks: (options: CoordinateProjectorOptions): Projector =>
    coordinates('projectors.blocks', options, (G, density, seed, at) => {
      const [index, of] = at.place
      const chosen = drawn(of, Math.round(density * of), seedOf(seed, { ...at, place: [0, of] }))
      const indices = Int32Array.from({ length: chosen.includes(index) ? G.cols : 0 }, (_, j) => j)
      return { kind: 'columns', indices }
    }),
  cosine,
}

export interface CosineProjectorOptions {
  /** r, at most min(m, n). */
  readonly rank: number
  /** Default 1. */
  readonly updateProjGap?: number | undefined
  /** p of the norm that columns are compared by: 1 (default), or 2, which leaves the least behind. */
  readonly selectionNorm?: 1 | 2 | undefined
  /** Whether what is remembered of a chosen column goes along to the next choice. Default true. */
  readonly rotate?: boolean | undefined
}

export const cosineProjectorReaders = {
  rank: integer(1),
  updateProjGap: withDefault(integer(1), 1),
  selectionNorm: withDefault(oneOf(1, 2), 1),
  rotate: withDefault(bool, true),
}

/** The r columns of the cosine transform that the gradient has most of, on its shorter side. */
function cosine(options: CosineProjectorOptions): Projector {
  const plan = readOptions('projectors.cosine', options, cosineProjectorReaders)
  return {
    gap: plan.updateProjGap,
    moments: plan.rotate ? 'carry' : 'keep',
    check: (shape, fn, argument) => {
      checkRank(plan.rank, shape, fn, argument)
    },
    *chooseSteps(G, _) {
      const entries = yield* G.entries()
      const side = G.rows >= G.cols ? 'right' : 'left'
      // S = G·Q for m >= n, else (QᵀG)ᵀ.
      const lines = side === 'right' ? wrap(entries.data.slice(), G.rows, G.cols) : transposed(entries)
      const [count = 0, k = 0] = lines.shape
      yield* inverseCosineSteps(lines.data, count, k)
      const indices = largestIndices(sizesOfColumns(lines, plan.selectionNorm), plan.rank)
      const R = pickedColumns(lines, indices)
      return { subspace: { kind: 'cosine', side, indices }, R: side === 'right' ? R : transposed(R) }
    },
  }
}

/** Σ|x|ᵖ of each column. */
function sizesOfColumns({ data, shape: [m = 0, n = 0] }: Matrix, p: 1 | 2): Float64Array {
  const sums = new Float64Array(n)
  for (let i = 0, e = 0; i < m; i++) {
    for (let j = 0; j < n; j++, e++) sums[j]! += p === 1 ? Math.abs(data[e]!) : data[e]! * data[e]!
  }
  return sums
}

/** The rank for a shape, from whichever of the two was given. */
function sizeOf(
  fn: string,
  { rank, density }: { readonly rank: number | undefined; readonly density: number | undefined },
): (m: number, n: number) => number {
  if ((rank === undefined) === (density === undefined)) {
    const given = rank === undefined ? 'neither' : 'both'
    throw new OptionError({ fn, argument: 'options', expected: 'rank or density', given })
  }
  return (m, n) => rank ?? Math.round(density! * Math.min(m, n))
}

function checkRank(rank: number, [m, n]: Shape, fn: string, argument: string): void {
  if (rank <= Math.min(m, n)) return
  const expected = `at most ${Math.min(m, n)} (${argument} is ${m}×${n})`
  throw new OptionError({ fn, argument: 'options.rank', expected, given: String(rank) })
}

/** A seed for one choice of one matrix. */
function seedOf(seed: number, { count, place: [index] }: Moment): number {
  const block = { seed, stream: STREAM.subspace, i0: count, i1: count + 1, j0: index, j1: index + 1 }
  return Math.floor(uniformBlock(block)[0]! * 2 ** 52)
}

/** `count` of n indices, ascending. */
function drawn(n: number, count: number, seed: number): Int32Array {
  return largestIndices(uniformBlock({ seed, stream: STREAM.subspace, i0: 0, i1: 1, j0: 0, j1: n }), count)
}
