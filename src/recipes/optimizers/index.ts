export { adaBelief } from './adabelief.js'
export type { AdaBeliefOptions, BeliefOptions } from './adabelief.js'
export type { AdamOptions } from './adam.js'
export { adamw } from './adamw.js'
export type { AdamWOptions } from './adamw.js'
export { applyUpdates } from './applyupdates.js'
export { dctProjection } from './dctprojection.js'
export type { DctProjectionOptions } from './dctprojection.js'
export { fira } from './fira.js'
export type { FiraOptions } from './fira.js'
export { frugal } from './frugal.js'
export type { FrugalOptions } from './frugal.js'
export { galore } from './galore.js'
export type { GaloreOptions } from './galore.js'
export { inner } from './inner.js'
export { mfac } from './mfac.js'
export type { MfacOptimizerOptions } from './mfac.js'
export { naturalGalore } from './naturalgalore.js'
export type { NaturalGaloreOptions } from './naturalgalore.js'
export type {
  Gradients,
  Moment,
  Optimizer,
  OptimizerState,
  Params,
  Schedule,
  Updated,
  Updates,
} from './optimizer.js'
export { partition } from './partition.js'
export type { Labels } from './partition.js'
export { projected } from './projected.js'
export type { ProjectedOptions, ProjectedState } from './projected.js'
export { projectors } from './projectors.js'
export type { Projector } from './projectors.js'
export { create, list } from './registry.js'
export type { OptimizerDescription, OptimizerName } from './registry.js'
export { residuals } from './residuals.js'
export type { ResidualRule } from './residuals.js'
export { sgd } from './sgd.js'
export type { SgdOptions } from './sgd.js'
export { sparseSpectralTraining } from './sparsespectraltraining.js'
export type { SparseSpectralTrainingOptions } from './sparsespectraltraining.js'
export { stateSize } from './statesize.js'
export type { StateSize } from './statesize.js'
export type { Subspace } from './subspace.js'
export type { Transform } from './transform.js'
