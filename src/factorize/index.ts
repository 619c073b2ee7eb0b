export { kernelMatrix } from './kernelmatrix.js'
export type { KernelMatrix, KernelOptions } from './kernelmatrix.js'
export type { KernelFunction } from './kerneltile.js'
export type { Quality, Svd } from './lowrank.js'
export { nystrom } from './nystrom.js'
export type { NystromOptions } from './nystrom.js'
export type { Nystrom, NystromSolver } from './nystromresult.js'
export { nystromBlocks, nystromRectangular } from './nystromrectangular.js'
export type {
  NystromBlocksOptions,
  NystromRectangular,
  NystromRectangularOptions,
} from './nystromrectangular.js'
export { pca } from './pca.js'
export type { Pca } from './pca.js'
export { rangefinder } from './rangefinder.js'
export type { RangefinderOptions } from './rangefinder.js'
export { rsvd } from './rsvd.js'
export type { RsvdOptions } from './rsvd.js'
export type { Stopping } from './stopping.js'
