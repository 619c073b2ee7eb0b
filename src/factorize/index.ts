export { butterfly } from './butterfly/butterfly.js'
export type { RandomButterflyOptions } from './butterfly/butterfly.js'
export type {
  ButterflyFactorizeOptions,
  ButterflyFit,
  ButterflyOrder,
} from './butterfly/butterflyfactorize.js'
export type { Butterfly, ButterflyFactor, ComplexButterfly } from './butterfly/butterflyoperator.js'
export { chebyshevTucker } from './tensor/chebyshevtucker.js'
export type { ChebyshevTucker, ChebyshevTuckerOptions } from './tensor/chebyshevtucker.js'
export { completeMatrix } from './completion/completematrix.js'
export type { CompleteMatrixOptions, Completion, CompletionStep } from './completion/completematrix.js'
export { concatenatedSvd } from './svd/concatenatedsvd.js'
export type { ConcatenatedSvd, ConcatenatedSvdOptions } from './svd/concatenatedsvd.js'
export { cur } from './columns/cur.js'
export type { Cur, CurOptions } from './columns/cur.js'
export { incrementalSvd } from './svd/incrementalsvd.js'
export type {
  IncrementalSvd,
  IncrementalSvdOptions,
  IncrementalSvdStream,
  Ledger,
  RightSvd,
} from './svd/incrementalsvd.js'
export { interpolative } from './columns/interpolative.js'
export type { Interpolative, SkeletonOptions } from './columns/interpolative.js'
export { kernelMatrix } from './nystrom/kernelmatrix.js'
export type { KernelMatrix } from './nystrom/kernelmatrix.js'
export type { KernelFunction, KernelOptions } from '../linalg/operators/kerneloptions.js'
export type { Quality, Svd } from './lowrank.js'
export { matrixSensing } from './completion/matrixsensing.js'
export type { MatrixSensing, MatrixSensingOptions, SensingStep } from './completion/matrixsensing.js'
export type {
  AnyMeasurements,
  AsyncSensedMatrix,
  Measurements,
  RecoveryMethod,
  SensedMatrix,
} from './completion/measurements.js'
export { mfac } from './curvature/mfac.js'
export type { AsyncMfac, Mfac, MfacOptions } from './curvature/mfac.js'
export { mfacWindow } from './curvature/mfacwindow.js'
export type { AsyncMfacWindow, MfacWindow, MfacWindowOptions } from './curvature/mfacwindow.js'
export { nystrom } from './nystrom/nystrom.js'
export type { NystromOptions } from './nystrom/nystrom.js'
export { nystromBlocks, nystromRectangular } from './nystrom/nystromrectangular.js'
export type {
  NystromBlocksOptions,
  NystromRectangular,
  NystromRectangularOptions,
} from './nystrom/nystromrectangular.js'
export type { Nystrom, NystromSolver } from './nystrom/nystromresult.js'
export { obsPrune, obsSaliencies } from './curvature/obs.js'
export type { ObsPruneOptions, Pruned } from './curvature/obs.js'
export { pca } from './svd/pca.js'
export type { Pca } from './svd/pca.js'
export { rangefinder } from './svd/rangefinder.js'
export type { RangefinderOptions } from './svd/rangefinder.js'
export { recoverSubgradient } from './completion/recoversubgradient.js'
export type {
  RecoverSubgradientOptions,
  RecoveredMatrix,
  SubgradientStep,
} from './completion/recoversubgradient.js'
export { reigh } from './svd/reigh.js'
export type { Reigh, ReighOptions } from './svd/reigh.js'
export { rldu } from './columns/rldu.js'
export type { Rldu } from './columns/rldu.js'
export { robustPca } from './completion/robustpca.js'
export type { RobustPca, RobustPcaOptions, RobustPcaStep } from './completion/robustpca.js'
export { rsvd } from './svd/rsvd.js'
export type { RsvdOptions } from './svd/rsvd.js'
export type { Stopping } from './stopping.js'
export { tucker } from './tensor/tucker.js'
export type { Tucker, TuckerOptions } from './tensor/tucker.js'
export { fold, modeProduct, unfold } from './tensor/unfold.js'
