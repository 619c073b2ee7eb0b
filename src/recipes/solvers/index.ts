export { augmentedLagrangian } from './augmentedlagrangian.js'
export type {
  AugmentedLagrangianOptions,
  ConstrainedMinimum,
  LagrangianStep,
} from './augmentedlagrangian.js'
export type { ConstrainedProblem } from './constrainedproblem.js'
