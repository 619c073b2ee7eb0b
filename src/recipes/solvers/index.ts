export { augmentedLagrangian } from './augmentedlagrangian.js'
export { bkb } from './bkb.js'
export type { Bkb, BkbOptions } from './bkb.js'
export { blockCoordinateDescent } from './blockcoordinatedescent.js'
export { chebCb } from './chebcb.js'
export type { ChebCbOptions, ContextualBandit } from './chebcb.js'
export { codingRate } from './codingrate.js'
export type { CodingRate, CodingRateOptions } from './codingrate.js'
export type { ConstrainedProblem } from './constrainedproblem.js'
export { deepConjugateDirections } from './deepconjugatedirections.js'
export type { DeepConjugateDirectionsOptions, DirectionFunction } from './deepconjugatedirections.js'
export type { BlockCoordinateDescentOptions, DescentResult, DescentStep } from './descentoptions.js'
export type { FiniteSum, HalpernOptions, HalpernRecord, HalpernResult } from './finitesum.js'
export { halpern } from './halpern.js'
export type { AugmentedLagrangianOptions, ConstrainedMinimum, LagrangianStep } from './lagrangianoptions.js'
export { learningToRelax } from './learningtorelax.js'
export type {
  LearningToRelaxOptions,
  Relaxation,
  RelaxedSolution,
  RelaxedSolveOptions,
} from './learningtorelax.js'
export { linearAttentionRank } from './linearattentionrank.js'
export type { LinearAttentionRank, LinearAttentionRankOptions } from './linearattentionrank.js'
export type { Posterior } from './projectedposterior.js'
export { scatterbrain } from './scatterbrain.js'
export type { ScatterbrainOptions } from './scatterbrain.js'
export { tsallisInf } from './tsallisinf.js'
export type { Bandit, TsallisInfOptions } from './tsallisinf.js'
