import { byName, named } from '../byname.js'
import { pleas } from './pleas.js'
import { rmm } from './rmm.js'
import { taskArithmetic } from './taskarithmetic.js'
import { weightMatching } from './weightmatching.js'

const recipes = { taskArithmetic, rmm, weightMatching, pleas }

type Recipes = typeof recipes
/** The names in the registry of merges. */
export type MergingName = keyof Recipes

/** What is known of a merge without running it. */
export interface MergingDescription<Name extends MergingName = MergingName> {
  readonly name: Name
  readonly paper: string
  readonly year: number
  /** Numbers that are stored for T models. */
  readonly parameters: string
  /** 'weights' by name, 'updates' of low rank by layer, 'networks' of dense layers. */
  readonly input: 'weights' | 'updates' | 'networks'
  /** How many models are merged. */
  readonly models: 'any' | 'two'
  /** What it needs beside them. */
  readonly needs: 'none' | 'base' | 'inputs'
  /** Whether each model can be had back. */
  readonly reversible: boolean
}

const descriptions: { readonly [Name in MergingName]: Omit<MergingDescription<Name>, 'name'> } = {
  taskArithmetic: {
    paper: 'Editing models with task arithmetic',
    year: 2022,
    parameters: 'those of one model',
    input: 'weights',
    models: 'any',
    needs: 'base',
    reversible: false,
  },
  rmm: {
    paper: 'Towards reversible model merging for low-rank weights',
    year: 2025,
    parameters: '(m + n)(p(r + T) + r) of T·r(m + n)',
    input: 'updates',
    models: 'any',
    needs: 'none',
    reversible: true,
  },
  weightMatching: {
    paper: 'Git Re-Basin: merging models modulo permutation symmetries',
    year: 2022,
    parameters: 'those of one model',
    input: 'networks',
    models: 'any',
    needs: 'none',
    reversible: false,
  },
  pleas: {
    paper: 'PLeaS: merging models with permutations and least squares',
    year: 2024,
    parameters: 'hidden layers of h(1 + separate) units',
    input: 'networks',
    models: 'two',
    needs: 'inputs',
    reversible: false,
  },
}

/**
 * All merges: what each takes, needs and stores.
 *
 * @example
 * ```ts
 * import { merging } from 'lowrank/recipes'
 * merging.list().filter(({ reversible }) => reversible).map(({ name }) => name)   // rmm
 * ```
 */
export function list(): MergingDescription[] {
  return named(descriptions)
}

/**
 * A merge by its name, its settings bound: `create(name, config)` is `merging[name](config)`.
 *
 * @throws OptionError for a name that is not in `list()`, and where the settings are refused.
 *
 * @example
 * ```ts
 * import { merging } from 'lowrank/recipes'
 * merging.create('taskArithmetic', {})([{ W: [[1]] }, { W: [[3]] }]).merged   // W = [[2]]
 * ```
 */
export function create<Name extends MergingName>(
  name: Name,
  config: Parameters<Recipes[Name]>[0],
): ReturnType<Recipes[Name]> {
  return (byName('merging.create', recipes, name) as (config: unknown) => ReturnType<Recipes[Name]>)(config)
}
