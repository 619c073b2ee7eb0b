import { asVector, wrap } from '../../linalg/arrays.js'
import { OptionError, ShapeError, describe } from '../../linalg/errors.js'
import { indexList } from '../../linalg/operators.js'
import {
  integer,
  nonNegative,
  optional,
  positive,
  readOptions,
  seed,
  withDefault,
} from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { STREAM } from '../../linalg/random.js'
import { breath, fromSteps, report, wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { pickedColumns } from '../../linalg/thin.js'
import { factored } from '../../factorize/lowrank.js'
import { subsets } from '../../sketch/subset.js'
import { completedSteps, greedySteps } from './anchorcompletion.js'
import type { LowRankQ, LowRankQOptions, QStep, SampledMdp } from './lowrankqoptions.js'

const FN = 'lowRankQEstimation'

/**
 * Value iteration that samples a few rows and columns of Q and fills in the rest: a Q of low rank is known, to within a
 * small multiple of the noise in every entry, from the rows of some anchor states and the columns of some anchor actions.
 *
 * Each round samples Q̂(s, a) = r(s, a) + γ·mean V(s′) at the anchors, makes Q̄ = Q̂[:, A]·Q̂[S, A]ᵣ⁺·Q̂[S, :] and
 * V(s) = maxₐ Q̄(s, a). The truncation to `rank` is what keeps noise from being magnified by small singular values.
 *
 * @param mdp - `states`, `actions`, and callbacks `reward(s, a)` and `nextStates(s, a, count, round)`; `async: true` where
 * they answer with Promises, and so does the method. Continuous states are to be put on a grid by the caller.
 * @param options - `rank`, `discount`; `anchors`, `samples`, `growth`, `iterations`, `seed`.
 * @returns Q as an operator of its factors, V, the greedy policy, the anchors, and how many samples were drawn.
 * @throws OptionError, also where there are fewer anchors than `rank`; ShapeError for indices out of range; NotFiniteError,
 * also where rounds magnify errors without end: γ times the amplification is then above 1, and more anchors are needed.
 *
 * Cost of a round: anchors·(states + actions − anchors)·samples·growthᵗ next states, instead of states·actions·…, and
 * 2·states·actions·rank flops; Q is never formed. Memory: (states + actions)·(anchors + rank) numbers.
 *
 * Source: Shah, Song, Xu and Yang 2020, "Sample efficient reinforcement learning via low-rank matrix estimation",
 * algorithm 1 with the estimator of section 4. Departures: anchors are drawn once and uniformly; grids are the caller's.
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * const { policy, V } = solvers.lowRankQEstimation(
 *   {
 *     states: 50,
 *     actions: 40,
 *     reward: (s, a) => (s / 50) * (a / 40),        // of rank 1
 *     nextStates: (s, a, count) => new Int32Array(count).fill((s + 1) % 50),
 *   },
 *   { rank: 2, discount: 0.5 },
 * )   // policy: 39 everywhere but in state 0, where all actions are alike
 * ```
 */
export const lowRankQEstimation: {
  (mdp: SampledMdp & { readonly async: true }, options: LowRankQOptions): Promise<LowRankQ>
  (mdp: SampledMdp, options: LowRankQOptions): LowRankQ
  async(mdp: SampledMdp, options: LowRankQOptions): Promise<LowRankQ>
} = /*#__PURE__*/ fromSteps(lowRankQSteps, 1) as never

const discount: Reader<number> = (value, fail) =>
  nonNegative(value, fail) < 1 ? (value as number) : fail('a number in [0, 1)')

function* lowRankQSteps(mdp: SampledMdp, options: LowRankQOptions): Steps<LowRankQ> {
  const plan = readOptions(FN, options, {
    rank: integer(1),
    discount,
    anchors: optional(integer(1)),
    samples: withDefault(integer(1), 20),
    growth: withDefault(positive, 1.5),
    iterations: withDefault(integer(1), 10),
    seed,
  })
  const { states: m, actions: n } = mdp
  if (![m, n].every((side) => Number.isSafeInteger(side) && side >= 1)) {
    const given = `${describe(m)} and ${describe(n)}`
    throw new ShapeError({ fn: FN, argument: 'mdp.states, actions', expected: 'integers >= 1', given })
  }
  const anchors = plan.anchors ?? 3 * plan.rank + 1
  const S = drawn(Math.min(anchors, m), m, 0, plan.seed)
  const A = drawn(Math.min(anchors, n), n, 1, plan.seed)
  if (plan.rank > Math.min(S.length, A.length)) {
    const expected = `at most ${Math.min(S.length, A.length)}, the number of anchors`
    throw new OptionError({ fn: FN, argument: 'options.rank', expected, given: `${plan.rank}` })
  }

  let samples = 0
  function* sampleSteps(s: number, a: number, count: number, t: number, V: Float64Array): Steps<number> {
    const [reward] = asVector([yield* wait(mdp.reward(s, a))], FN, 'mdp.reward')
    if (count === 0) return reward!
    const drawnStates = yield* wait(mdp.nextStates(s, a, count, t))
    const next = indexList(drawnStates, m, 'mdp.nextStates', FN)
    if (next.length !== count) {
      const [argument, expected] = ['mdp.nextStates', `${count} states`]
      throw new ShapeError({ fn: FN, argument, expected, given: `${next.length}` })
    }
    samples += count
    return reward! + (plan.discount * next.reduce((sum, state) => sum + V[state]!, 0)) / count
  }

  let V: Float64Array = new Float64Array(m)
  const history: QStep[] = []
  for (let t = 0; ; t++) {
    yield* report(FN, 'rounds', t, plan.iterations)
    const count = t === 0 || plan.discount === 0 ? 0 : Math.ceil(plan.samples * plan.growth ** (t - 1))
    const rows = wrap(new Float64Array(S.length * n), S.length, n)
    for (let e = 0; e < rows.data.length; e++) {
      rows.data[e] = yield* sampleSteps(S[Math.floor(e / n)]!, e % n, count, t, V)
      if (e % n === 0) yield* breath()
    }
    const cols = wrap(new Float64Array(m * A.length), m, A.length)
    const both = pickedColumns(rows, A)
    for (let s = 0; s < m; s++) {
      const at = S.indexOf(s)
      for (let j = 0; j < A.length; j++) {
        const known = at < 0 ? undefined : both.data[at * A.length + j]!
        cols.data[s * A.length + j] = known ?? (yield* sampleSteps(s, A[j]!, count, t, V))
      }
      yield* breath()
    }
    const { left, right, amplification } = yield* completedSteps(rows, cols, both, plan.rank)
    const greedy = yield* greedySteps(left, right)
    const change = greedy.V.reduce((most, v, s) => Math.max(most, Math.abs(v - V[s]!)), 0)
    V = asVector(greedy.V, FN, 'V')
    history.push({ samples: count, change, amplification })
    if (t + 1 === plan.iterations) {
      const Q = factored([left, right])
      return { Q, V, policy: greedy.policy, anchorStates: S, anchorActions: A, samples, history }
    }
  }
}

const drawn = (count: number, size: number, which: number, seed: number): Int32Array => {
  const out = new Int32Array(count)
  subsets(count, size, seed, STREAM.anchors)(which, out, 0)
  return out.sort()
}
