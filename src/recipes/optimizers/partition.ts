import { OptionError, describe } from '../../linalg/errors.js'
import { readOptions } from '../../linalg/options.js'
import type { RunOptions } from '../../linalg/steps.js'
import { checkNames, checkOwner, checkedRecord } from './optimizer.js'
import type { Gradients, Optimizer, OptimizerState, Params, Updated, Updates } from './optimizer.js'

/** Which optimizer trains each parameter: its label by the parameter's name, as a table or a function. */
export type Labels<Label extends string = string> =
  Readonly<Record<string, Label>> | ((name: string) => Label)

interface PartitionState extends OptimizerState {
  /** By the names of parameters. */
  readonly labels: Readonly<Record<string, string>>
  /** By label, of those that train something. */
  readonly states: Readonly<Record<string, OptimizerState>>
}

/** The share of one optimizer in an update. */
interface Share {
  readonly label: string
  readonly optimizer: Optimizer
  readonly grads: Gradients
  readonly state: OptimizerState
  readonly params: Params
}

const NAME = 'partition'

/**
 * Several optimizers as one: each trains the parameters of its label, and knows nothing of the others. The way to learning
 * rates of their own for some parameters (`lrRatio` of an adapter, as in LoRA+), to no decay for some, or to GaLore for some
 * and Adam for the rest.
 *
 * @param optimizers - by label. One whose label no parameter has does nothing.
 * @param labels - the label of each parameter; default its name.
 * @returns an optimizer. What it does is, to the bit, what its optimizers do one by one.
 * @throws OptionError where `optimizers` are none, and from `init` for a label that none of them has; of `init` and `update`
 * what they throw, in their names, and ShapeError for names that the state does not know.
 * Cost: that of its optimizers.
 * Source: `optax.partition` (once `multi_transform`), the groups of parameters of PyTorch.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { optimizers } from 'lowrank/recipes'
 * const { adamw, galore, partition } = optimizers
 * const optimizer = partition(
 *   { large: galore({ learningRate: 0.01, rank: 4 }), rest: adamw({ learningRate: 0.001 }) },
 *   (name) => (name === 'W' ? 'large' : 'rest'),
 * )
 * const params = { W: random.normal([32, 16]), b: [1, 2] }
 * const grads = { W: random.normal([32, 16], { seed: 1 }), b: [0.5, -1] }
 * const { updates, state } = optimizer.update(grads, optimizer.init(params), params)
 * ```
 */
export function partition<Label extends string>(
  optimizers: Readonly<Record<Label, Optimizer>>,
  labels: Labels<Label> = (name) => name as Label,
): Optimizer {
  checkOptimizers(optimizers)
  const byLabel: Readonly<Record<string, Optimizer>> = optimizers

  const labelOf = (name: string): string => {
    const label: unknown = typeof labels === 'function' ? labels(name) : labels[name]
    if (typeof label === 'string' && Object.hasOwn(byLabel, label)) return label
    const expected = Object.keys(byLabel).join(' | ')
    throw new OptionError({
      fn: `${NAME}.init`,
      argument: `labels.${name}`,
      expected,
      given: describe(label),
    })
  }

  function sharesOf(
    grads: Gradients,
    state: OptimizerState,
    params: Params,
    options: RunOptions | undefined,
  ): Share[] {
    const fn = `${NAME}.update`
    readOptions(fn, options, {})
    checkOwner(NAME, state)
    const { labels: known, states } = state as PartitionState
    checkNames(fn, { grads, params }, Object.keys(known))
    return Object.entries(states).map(([label, own]) => {
      const names = Object.keys(known).filter((name) => known[name] === label)
      return {
        label,
        optimizer: byLabel[label]!,
        grads: picked(grads, names),
        state: own,
        params: picked(params, names),
      }
    })
  }

  function joined(before: OptimizerState, parts: readonly (readonly [string, Updated])[]): Updated {
    const all: Updates = Object.fromEntries(parts.flatMap(([, { updates }]) => Object.entries(updates)))
    const state: PartitionState = {
      ...(before as PartitionState),
      count: before.count + 1,
      states: Object.fromEntries(parts.map(([label, { state }]) => [label, state])),
    }
    return { updates: picked(all, Object.keys(state.labels)), state }
  }

  return {
    name: NAME,
    init(params) {
      const names = Object.keys(checkedRecord(`${NAME}.init`, 'params', params))
      const known = Object.fromEntries(names.map((name) => [name, labelOf(name)]))
      const states = [...new Set(Object.values(known))].map((label) => {
        const own = names.filter((name) => known[name] === label)
        return [label, byLabel[label]!.init(picked(params, own))] as const
      })
      return { optimizer: NAME, count: 0, labels: known, states: Object.fromEntries(states) }
    },
    update: Object.assign(
      (grads: Gradients, state: OptimizerState, params: Params, options?: RunOptions): Updated => {
        const shares = sharesOf(grads, state, params, options)
        const run = ({ label, optimizer, ...own }: Share): readonly [string, Updated] => [
          label,
          optimizer.update(own.grads, own.state, own.params, options),
        ]
        return joined(state, shares.map(run))
      },
      {
        async async(
          grads: Gradients,
          state: OptimizerState,
          params: Params,
          options?: RunOptions,
        ): Promise<Updated> {
          const parts: (readonly [string, Updated])[] = []
          for (const { label, optimizer, ...own } of sharesOf(grads, state, params, options)) {
            const { update } = optimizer
            parts.push([label, await update.async(own.grads, own.state, own.params, options)])
          }
          return joined(state, parts)
        },
      },
    ),
  }
}

/** The entries of these names. */
const picked = <T>(record: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> =>
  Object.fromEntries(names.map((name) => [name, record[name]!]))

function checkOptimizers(optimizers: unknown): void {
  const isRecord = optimizers !== null && typeof optimizers === 'object'
  const isOptimizer = (value: unknown): boolean =>
    typeof (value as Partial<Optimizer> | null | undefined)?.init === 'function'
  if (isRecord && Object.values(optimizers).every(isOptimizer)) return
  const expected = 'optimizers by their labels'
  throw new OptionError({ fn: NAME, argument: 'optimizers', expected, given: describe(optimizers) })
}
