export { readSafetensors } from './readsafetensors.js'
export type { SafeTensors, StoredTensor } from './readsafetensors.js'
export { writeSafetensors } from './writesafetensors.js'
export type { NamedWeights, WeightLike, WriteSafetensorsOptions } from './writesafetensors.js'
