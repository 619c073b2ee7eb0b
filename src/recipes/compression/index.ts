export { butterflyLayer } from './butterflylayer.js'
export type { ButterflyLayer, ButterflyLayerConfig } from './butterflylayer.js'
export { calibration } from './calibration.js'
export type { Calibration, CalibrationOptions } from './calibration.js'
export type { Compressed, Compressor } from './compressor.js'
export { eora } from './eora.js'
export type { Compensated, EoraConfig } from './eora.js'
export { fwsvd } from './fwsvd.js'
export type { FisherWeighted, FwsvdConfig } from './fwsvd.js'
export type { LowRank, Size, Spectral } from './lowrank.js'
export { mfacPruning } from './mfacpruning.js'
export type { MfacPruningConfig, Sparse } from './mfacpruning.js'
export { modegpt } from './modegpt.js'
export type {
  CompressedMlp,
  CompressedQueryKey,
  CompressedValueOutput,
  MlpModule,
  Modegpt,
  ModegptConfig,
  QueryKeyModule,
  ValueOutputModule,
} from './modegpt.js'
export { create, list } from './registry.js'
export type { CompressionDescription, CompressionName } from './registry.js'
export { sltrain } from './sltrain.js'
export type {
  FittedSparsePlusLowRank,
  Sltrain,
  SltrainConfig,
  SltrainGradients,
  SltrainValues,
  SparsePlusLowRank,
} from './sltrain.js'
export type { Statistics } from './statistics.js'
export { truncatedSvd } from './truncatedsvd.js'
export type { TruncatedSvdConfig } from './truncatedsvd.js'
export { welore, weloreRanks } from './welore.js'
export type { AdaptiveRank, RankAllocation, WeloreConfig } from './welore.js'
