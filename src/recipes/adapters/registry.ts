import { byName } from '../byname.js'
import type { Adapter, AdapterInfo } from './adapter.js'
import { adalora } from './adalora.js'
import { bone } from './bone.js'
import { dora } from './dora.js'
import { eva } from './eva.js'
import { flora } from './flora.js'
import { intTune } from './inttune.js'
import { lora } from './lora.js'
import { loraGa } from './loraga.js'
import { loraPlus } from './loraplus.js'
import { loraPro } from './lorapro.js'
import { loraSb } from './lorasb.js'
import { loraXs } from './loraxs.js'
import { loldu } from './loldu.js'
import { miss } from './miss.js'
import { nlora } from './nlora.js'
import { nola } from './nola.js'
import { pissa } from './pissa.js'
import { randlora } from './randlora.js'
import { structuredLora } from './structuredlora.js'
import { svfit } from './svfit.js'
import type { AdapterFactory } from './recipe.js'

/** Every recipe by its name. */
const RECIPES = {
  lora,
  pissa,
  loraPlus,
  dora,
  loraGa,
  eva,
  loraXs,
  loraSb,
  nlora,
  structuredLora,
  intTune,
  randlora,
  nola,
  flora,
  loldu,
  svfit,
  bone,
  miss,
  loraPro,
  adalora,
} as const

/** The names in the registry of adapters. */
export type AdapterName = keyof typeof RECIPES
/** What the recipe of a name is configured with. */
export type AdapterConfig<N extends AdapterName> = Parameters<(typeof RECIPES)[N]>[0]

/**
 * What is known of every recipe: name, paper, year, the numbers that are trained, whether the weight is W0 at first, and
 * whether it can be merged.
 *
 * @example
 * ```ts
 * import { adapters } from 'lowrank/recipes'
 * adapters.list().map(({ name, trainable }) => `${name}: ${trainable}`)   // 'lora: r(m + n)', …
 * ```
 */
export function list(): (AdapterInfo & { readonly name: AdapterName })[] {
  return Object.entries(RECIPES).map(([name, { info }]) => ({ ...info, name: name as AdapterName }))
}

/**
 * The adapter of a name: `create('pissa', config)` is `pissa(config)`.
 *
 * @throws OptionError for a name that `list` does not have, and as the recipe.
 *
 * @example
 * ```ts
 * import { adapters } from 'lowrank/recipes'
 * adapters.create('pissa', { r: 16 }).numTrainable([1024, 1024])   // 32768
 * ```
 */
export function create<N extends AdapterName>(name: N, config: AdapterConfig<N>): Adapter<AdapterConfig<N>> {
  return (byName('adapters.create', RECIPES, name) as AdapterFactory<AdapterConfig<N>>)(config)
}
