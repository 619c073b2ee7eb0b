import { byName, named } from '../byname.js'
import { butterflyLayer } from './butterflylayer.js'
import { eora } from './eora.js'
import { fwsvd } from './fwsvd.js'
import { mfacPruning } from './mfacpruning.js'
import { modegpt } from './modegpt.js'
import { sltrain } from './sltrain.js'
import { truncatedSvd } from './truncatedsvd.js'
import { welore } from './welore.js'

const recipes = { truncatedSvd, fwsvd, welore, eora, modegpt, sltrain, mfacPruning, butterflyLayer }

type Recipes = typeof recipes
/** The names in the registry of compressions. */
export type CompressionName = keyof Recipes

/** What is known of a compression without running it. */
export interface CompressionDescription<Name extends CompressionName = CompressionName> {
  readonly name: Name
  readonly paper: string
  readonly year: number
  /** Numbers that an m × n layer stores. */
  readonly parameters: string
  /** What the compressed layer is. */
  readonly structure:
    'low rank' | 'sparse' | 'sparse + low rank' | 'base + low rank' | 'butterfly' | 'fewer hidden units'
  /** What it cannot do without. */
  readonly statistics: 'none' | 'gram' | 'fisher' | 'gradients or gram'
  /** 'layer': (W, statistics). 'module': pairs of matrices that share a dimension. */
  readonly input: 'layer' | 'module'
  /** Whether the layers of a model are decided on together, by `layers`. */
  readonly joint: boolean
}

const descriptions: { readonly [Name in CompressionName]: Omit<CompressionDescription<Name>, 'name'> } = {
  truncatedSvd: {
    paper: 'LORD: low rank decomposition of monolingual code LLMs for one-shot compression',
    year: 2023,
    parameters: 'r(m + n)',
    structure: 'low rank',
    statistics: 'none',
    input: 'layer',
    joint: false,
  },
  fwsvd: {
    paper: 'Language model compression with weighted low-rank factorization',
    year: 2022,
    parameters: 'r(m + n)',
    structure: 'low rank',
    statistics: 'fisher',
    input: 'layer',
    joint: false,
  },
  welore: {
    paper: 'From GaLore to WeLore: how low-rank weights non-uniformly emerge from low-rank gradients',
    year: 2024,
    parameters: 'r(m + n) where r < min(m, n)/2, else mn',
    structure: 'low rank',
    statistics: 'none',
    input: 'layer',
    joint: true,
  },
  eora: {
    paper: 'EoRA: training-free compensation for compressed LLM with eigenspace low-rank approximation',
    year: 2024,
    parameters: 'base + r(m + n)',
    structure: 'base + low rank',
    statistics: 'gram',
    input: 'layer',
    joint: false,
  },
  modegpt: {
    paper: 'MoDeGPT: modular decomposition for large language model compression',
    year: 2024,
    parameters: 'k/h of the module',
    structure: 'fewer hidden units',
    statistics: 'gram',
    input: 'module',
    joint: false,
  },
  sltrain: {
    paper: 'SLTrain: a sparse plus low-rank approach for parameter and memory efficient pretraining',
    year: 2024,
    parameters: 'r(m + n) + δmn',
    structure: 'sparse + low rank',
    statistics: 'none',
    input: 'layer',
    joint: false,
  },
  mfacPruning: {
    paper: 'M-FAC: efficient matrix-free approximations of second-order information',
    year: 2021,
    parameters: 'budget·mn',
    structure: 'sparse',
    statistics: 'gradients or gram',
    input: 'layer',
    joint: false,
  },
  butterflyLayer: {
    paper: 'Learning fast algorithms for linear transforms using butterfly factorizations',
    year: 2019,
    parameters: '⌈m/N⌉·2N·log₂N, N ≥ n a power of two',
    structure: 'butterfly',
    statistics: 'none',
    input: 'layer',
    joint: false,
  },
}

/**
 * All compressions: what each stores, needs and takes.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { compression } from 'lowrank/recipes'
 * const W = random.normal([32, 32])
 * for (const { name, input, statistics } of compression.list()) {
 *   if (input !== 'layer' || statistics !== 'none') continue
 *   const compress = compression.create(name, { budget: 0.5 }) as compression.Compressor
 *   console.log(name, compress(W).parameters, compress(W).errorEstimate)
 * }
 * ```
 */
export function list(): CompressionDescription[] {
  return named(descriptions)
}

/**
 * A compression by its name, its settings bound: `create(name, config)` is `compression[name](config)`. All take `{ budget }`.
 *
 * @returns a compressor (W, statistics?) → Ŵ, and of 'modegpt' one for each kind of module.
 * @throws OptionError for a name that is not in `list()`, and where the settings are refused.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { compression } from 'lowrank/recipes'
 * compression.create('truncatedSvd', { rank: 3 })(random.normal([20, 10])).parameters   // 90
 * ```
 */
export function create<Name extends CompressionName>(
  name: Name,
  config: Parameters<Recipes[Name]>[0],
): ReturnType<Recipes[Name]> {
  return (byName('compression.create', recipes, name) as (config: unknown) => ReturnType<Recipes[Name]>)(
    config,
  )
}
