import type { Matrix } from '../../linalg/arrays.js'
import { nonNegative, positive, readOptions, withDefault } from '../../linalg/options.js'
import type { Steps } from '../../linalg/steps.js'
import { adam } from './adam.js'
import { gradientFrom } from './leaves.js'
import type { Gradient } from './leaves.js'
import { perParameter, scheduleReader } from './optimizer.js'
import type { Moment, Optimizer, Rule, Schedule } from './optimizer.js'
import type { Projector } from './projectors.js'
import type { ResidualRule } from './residuals.js'
import { downSteps, upSteps } from './subspace.js'
import type { Subspace } from './subspace.js'
import { scaledInPlace, wholeGradient, zerosLike } from './transform.js'
import type { Transform } from './transform.js'

/** What every projected optimizer takes. */
export interface ProjectedOptions {
  readonly learningRate: Schedule
  /** α: of the step inside the subspace. Default 1. */
  readonly scale?: number | undefined
  /** Takes lr·weightDecay·W off, beside the step. Default 0. */
  readonly weightDecay?: number | undefined
}

export const projectedReaders = (scale: number) => ({
  learningRate: scheduleReader,
  scale: withDefault(positive, scale),
  weightDecay: withDefault(nonNegative, 0),
})

/**
 * An optimizer whose memory lives in a subspace of each matrix: R = down(G), N = inner(R),
 * W ← W − lr·(scale·up(N) + what the residual rule makes of G − up(R)). What is no matrix, vectors and tensors of three
 * modes or more, is trained whole, by Adam.
 *
 * GaLore, Natural GaLore, Fira, FRUGAL and the cosine projection are settings of it.
 *
 * @param inner - a transform of projected gradients: `inner.adam()`, `inner.momentum()`, ….
 * @param projector - chooses the subspace: `projectors.svd({ rank })`, ….
 * @param residualRule - `residuals.none()`, ….
 * @throws OptionError; of `init` and `update` ShapeError, NotFiniteError and OptionError (a rank above min(m, n)).
 * Cost: two products with the basis for each update, a third for its residual where the rule wants it; the projector's
 * choice once in `gap` updates. Gradients that are operators are asked for thin products alone by `projectors.svd` and
 * `projectors.random` with `residuals.none`; all else reads their entries, by products with the identity.
 *
 * @example
 * ```ts
 * import { optimizers } from 'lowrank/recipes'
 * const { inner, projectors, residuals, projected } = optimizers
 * const optimizer = projected(inner.momentum(), projectors.random({ rank: 1 }), residuals.sgd(), { learningRate: 0.1 })
 * const params = { W: [[1, 2], [3, 4]] }
 * const { updates } = optimizer.update({ W: [[1, 0], [0, 1]] }, optimizer.init(params), params)
 * ```
 */
export function projected(
  inner: Transform,
  projector: Projector,
  residualRule: ResidualRule,
  options: ProjectedOptions,
): Optimizer {
  const plan = readOptions('projected', options, projectedReaders(1))
  return projectedAs('projected', inner, projector, residualRule, { ...plan, others: adam() })
}

/** The same under the name of a recipe, with its transform for what is no matrix. */
export function projectedAs(
  name: string,
  inner: Transform,
  projector: Projector,
  residualRule: ResidualRule,
  plan: {
    readonly learningRate: (count: number) => number
    readonly scale: number
    readonly weightDecay: number
    readonly others: Transform
  },
): Optimizer {
  const rule = projectedRule(inner, projector, residualRule, plan.scale)
  return perParameter(name, plan, rule, wholeGradient(plan.others))
}

/** What is remembered of one matrix; `subspace` and `inner` from its first update on. */
export interface ProjectedState {
  /** Absent before the first choice. */
  readonly subspace?: Subspace
  /** What the inner optimizer remembers, in the coordinates of the subspace. */
  readonly inner?: unknown
  /** What the residual rule remembers. */
  readonly residual: unknown
}

function projectedRule(
  inner: Transform,
  projector: Projector,
  residualRule: ResidualRule,
  scale: number,
): Rule<ProjectedState> {
  return {
    init({ shape: [m = 0, n = 0] }, fn, argument) {
      projector.check?.([m, n], fn, argument)
      return { residual: residualRule.init([m, n]) }
    },
    *steps(given, state, _, at) {
      const error = residualRule.gathered?.(state.residual)
      const G = error === undefined ? given : gradientFrom(sumOf(yield* given.entries(), error), at)
      const { subspace, R, before } = yield* seenSteps(G, state, at)
      const { direction: N, state: after } = yield* inner.steps(R, before ?? inner.init(shapeOf(R)), at)
      const next = { subspace, inner: after, residual: state.residual }
      if (residualRule.use === undefined) {
        const update = yield* upSteps(scaledInPlace(N, -at.learningRate * scale), subspace, G)
        return { update, state: next }
      }
      const inside = yield* upSteps(R, subspace, G)
      const residual = differenceInto(yield* G.entries(), inside)
      const { direction, state: rest } = residualRule.use(residual, { R, N, subspace }, state.residual)
      const update = yield* upSteps(scaledInPlace(N, -at.learningRate * scale), subspace, G)
      if (direction) addInto(update, -at.learningRate, direction)
      return { update, state: { ...next, residual: rest } }
    },
  }

  /** The gradient in its subspace, which may be a new one, and what is remembered there. */
  function* seenSteps(
    G: Gradient,
    state: ProjectedState,
    at: Moment,
  ): Steps<{ subspace: Subspace; R: Matrix; before: unknown }> {
    const { subspace: old, inner: before } = state
    if (old !== undefined && at.count % projector.gap !== 0) {
      return { subspace: old, R: yield* downSteps(G, old), before }
    }
    const { subspace, R = yield* downSteps(G, subspace) } = yield* projector.chooseSteps(G, at)
    if (old === undefined || projector.moments === 'clear') return { subspace, R, before: undefined }
    if (projector.moments === 'keep' || inner.carried === undefined) return { subspace, R, before }
    return { subspace, R, before: inner.carried(before, (X) => moved(X, old, subspace)) }
  }
}

const shapeOf = ({ shape: [m = 0, n = 0] }: Matrix): readonly [number, number] => [m, n]

/** X in the coordinates of another subspace, for choices of some of the same columns: old ones go, new ones start at 0. */
function moved(X: Matrix, from: Subspace, to: Subspace): Matrix {
  if (from.kind === 'frame' || to.kind === 'frame') return X
  const out = zerosLike(X)
  const [m = 0, n = 0] = X.shape
  const lines = to.kind === 'cosine' && to.side === 'left'
  from.indices.forEach((index, t) => {
    const place = to.indices.indexOf(index)
    if (place < 0) return
    if (lines) out.data.set(X.data.subarray(t * n, (t + 1) * n), place * n)
    else for (let i = 0; i < m; i++) out.data[i * n + place] = X.data[i * n + t]!
  })
  return out
}

function sumOf(X: Matrix, Y: Matrix): Matrix {
  const out = zerosLike(X)
  for (let e = 0; e < out.data.length; e++) out.data[e] = X.data[e]! + Y.data[e]!
  return out
}

/** X − Y in the place of Y. */
function differenceInto(X: Matrix, Y: Matrix): Matrix {
  for (let e = 0; e < Y.data.length; e++) Y.data[e] = X.data[e]! - Y.data[e]!
  return Y
}

/** X += c·Y */
function addInto(X: Matrix, c: number, Y: Matrix): void {
  for (let e = 0; e < X.data.length; e++) X.data[e]! += c * Y.data[e]!
}
