export type {
  Adapter,
  AdapterHooks,
  AdapterInfo,
  AdapterState,
  Arrays,
  Backward,
  Init,
  InitContext,
  LoraForm,
} from './adapter.js'
export { dora } from './dora.js'
export type { DoraConfig } from './dora.js'
export { lora } from './lora.js'
export type { LoraInitConfig } from './lora.js'
export type { LoraConfig } from './loraconfig.js'
export { loraPlus } from './loraplus.js'
export type { LoraPlusConfig } from './loraplus.js'
export { pissa } from './pissa.js'
export type { PissaConfig } from './pissa.js'
export type { AdapterFactory } from './recipe.js'
export { create, list } from './registry.js'
export type { AdapterConfig, AdapterName } from './registry.js'
export type { TruncatedSvdConfig } from './truncatedsvd.js'
