export { bkb } from './bkb.js'
export type { Bkb, BkbOptions } from './bkb.js'
export { chebCb } from './chebcb.js'
export type { ChebCbOptions, ContextualBandit } from './chebcb.js'
export { deepConjugateDirections } from './deepconjugatedirections.js'
export type { DeepConjugateDirectionsOptions, DirectionFunction } from './deepconjugatedirections.js'
export { learningToRelax } from './learningtorelax.js'
export type {
  LearningToRelaxOptions,
  Relaxation,
  RelaxedSolution,
  RelaxedSolveOptions,
} from './learningtorelax.js'
export type { Posterior } from './projectedposterior.js'
export { tsallisInf } from './tsallisinf.js'
export type { Bandit, TsallisInfOptions } from './tsallisinf.js'
