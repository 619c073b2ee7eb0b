export { butterfly } from './butterfly.js'
export type { RandomButterflyOptions } from './butterfly.js'
export type { ButterflyFactorizeOptions, ButterflyFit, ButterflyOrder } from './butterflyfactorize.js'
export type { Butterfly, ButterflyFactor, ComplexButterfly } from './butterflyoperator.js'
export { chebyshevTucker } from './chebyshevtucker.js'
export type { ChebyshevTucker, ChebyshevTuckerOptions } from './chebyshevtucker.js'
export { completeMatrix } from './completematrix.js'
export type { CompleteMatrixOptions, Completion, CompletionStep } from './completematrix.js'
export { concatenatedSvd } from './concatenatedsvd.js'
export type { ConcatenatedSvd, ConcatenatedSvdOptions } from './concatenatedsvd.js'
export { cur } from './cur.js'
export type { Cur, CurOptions } from './cur.js'
export { incrementalSvd } from './incrementalsvd.js'
export type {
  IncrementalSvd,
  IncrementalSvdOptions,
  IncrementalSvdStream,
  Ledger,
  RightSvd,
} from './incrementalsvd.js'
export { interpolative } from './interpolative.js'
export type { Interpolative, SkeletonOptions } from './interpolative.js'
export { kernelMatrix } from './kernelmatrix.js'
export type { KernelMatrix } from './kernelmatrix.js'
export type { KernelFunction, KernelOptions } from '../linalg/kerneloptions.js'
export type { Quality, Svd } from './lowrank.js'
export { matrixSensing } from './matrixsensing.js'
export type { MatrixSensing, MatrixSensingOptions, SensingStep } from './matrixsensing.js'
export type {
  AnyMeasurements,
  AsyncSensedMatrix,
  Measurements,
  RecoveryMethod,
  SensedMatrix,
} from './measurements.js'
export { mfac } from './mfac.js'
export type { AsyncMfac, Mfac, MfacOptions } from './mfac.js'
export { mfacWindow } from './mfacwindow.js'
export type { AsyncMfacWindow, MfacWindow, MfacWindowOptions } from './mfacwindow.js'
export { nystrom } from './nystrom.js'
export type { NystromOptions } from './nystrom.js'
export { nystromBlocks, nystromRectangular } from './nystromrectangular.js'
export type {
  NystromBlocksOptions,
  NystromRectangular,
  NystromRectangularOptions,
} from './nystromrectangular.js'
export type { Nystrom, NystromSolver } from './nystromresult.js'
export { obsPrune, obsSaliencies } from './obs.js'
export type { ObsPruneOptions, Pruned } from './obs.js'
export { pca } from './pca.js'
export type { Pca } from './pca.js'
export { rangefinder } from './rangefinder.js'
export type { RangefinderOptions } from './rangefinder.js'
export { recoverSubgradient } from './recoversubgradient.js'
export type { RecoverSubgradientOptions, RecoveredMatrix, SubgradientStep } from './recoversubgradient.js'
export { reigh } from './reigh.js'
export type { Reigh, ReighOptions } from './reigh.js'
export { rldu } from './rldu.js'
export type { Rldu } from './rldu.js'
export { robustPca } from './robustpca.js'
export type { RobustPca, RobustPcaOptions, RobustPcaStep } from './robustpca.js'
export { rsvd } from './rsvd.js'
export type { RsvdOptions } from './rsvd.js'
export type { Stopping } from './stopping.js'
export { tucker } from './tucker.js'
export type { Tucker, TuckerOptions } from './tucker.js'
export { fold, modeProduct, unfold } from './unfold.js'
