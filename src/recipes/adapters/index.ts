export { activationStream, evaPlan } from './activationspectrum.js'
export type {
  ActivationSpectrum,
  ActivationStream,
  ActivationStreamOptions,
  EvaPlanOptions,
} from './activationspectrum.js'
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
export { adalora } from './adalora.js'
export type { AdaloraConfig } from './adalora.js'
export { bone } from './bone.js'
export type { BoneConfig } from './bone.js'
export { dora } from './dora.js'
export type { DoraConfig } from './dora.js'
export { eva } from './eva.js'
export type { EvaConfig } from './eva.js'
export { flora } from './flora.js'
export type { FloraConfig } from './flora.js'
export { intTune } from './inttune.js'
export { lora } from './lora.js'
export type { LoraInitConfig } from './lora.js'
export { loraGa } from './loraga.js'
export type { LoraGaConfig } from './loraga.js'
export { loraPlus } from './loraplus.js'
export type { LoraPlusConfig } from './loraplus.js'
export { loraPro } from './lorapro.js'
export type { LoraProConfig } from './lorapro.js'
export { loraSb } from './lorasb.js'
export type { LoraSbConfig } from './lorasb.js'
export { loraXs } from './loraxs.js'
export type { LoraXsConfig } from './loraxs.js'
export { loldu } from './loldu.js'
export type { LolduConfig } from './loldu.js'
export { miss } from './miss.js'
export type { MissConfig } from './miss.js'
export { nlora } from './nlora.js'
export { nola } from './nola.js'
export type { NolaConfig } from './nola.js'
export { pissa } from './pissa.js'
export type { PissaConfig } from './pissa.js'
export { randlora } from './randlora.js'
export type { RandloraConfig } from './randlora.js'
export { structuredLora } from './structuredlora.js'
export { svfit } from './svfit.js'
export type { SvfitConfig } from './svfit.js'
export type { LoraConfig } from './loraconfig.js'
export type { NystromStartConfig } from './nystromstart.js'
export type { AdapterFactory } from './recipe.js'
export { create, list } from './registry.js'
export type { AdapterConfig, AdapterName } from './registry.js'
export type { TruncatedSvdConfig } from './truncatedsvd.js'
