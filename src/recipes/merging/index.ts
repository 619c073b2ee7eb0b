export type { Assignment, MergedNetwork, Network, NetworkLayer } from './network.js'
export { pleas } from './pleas.js'
export type { PleasConfig, PleasMerge, PleasMerger } from './pleas.js'
export { create, list } from './registry.js'
export type { MergingDescription, MergingName } from './registry.js'
export { rmm } from './rmm.js'
export type {
  LowRankUpdate,
  RecoveredUpdates,
  ReversibleMerge,
  ReversibleMerger,
  RmmConfig,
  Updates,
} from './rmm.js'
export { taskArithmetic } from './taskarithmetic.js'
export type { MergedWeights, TaskArithmeticConfig, Weights, WeightsMerger } from './taskarithmetic.js'
export { weightMatching } from './weightmatching.js'
export type { MatchedNetworks, NetworksMerger, WeightMatchingConfig } from './weightmatching.js'
