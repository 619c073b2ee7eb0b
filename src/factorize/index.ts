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
export type { Quality, Svd } from './lowrank.js'
export { pca } from './pca.js'
export type { Pca } from './pca.js'
export { rangefinder } from './rangefinder.js'
export type { RangefinderOptions } from './rangefinder.js'
export { reigh } from './reigh.js'
export type { Reigh, ReighOptions } from './reigh.js'
export { rldu } from './rldu.js'
export type { Rldu } from './rldu.js'
export { rsvd } from './rsvd.js'
export type { RsvdOptions } from './rsvd.js'
export type { Stopping } from './stopping.js'
