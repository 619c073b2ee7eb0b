// Block sizes of gemm, found by measurement (see the table in gemm.ts).

/** Rows of the register tile: as many as 16 SIMD registers hold without spilling. */
// @ts-ignore: decorator
@inline
export const MR: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4

/** Columns of the register tile: two SIMD registers. */
// @ts-ignore: decorator
@inline
export function NR<T>(): i32 {
  return 32 / sizeof<T>()
}

// @ts-ignore: decorator
@inline
export const KC: i32 = 256
// @ts-ignore: decorator
@inline
export const MC: i32 = 96
// @ts-ignore: decorator
@inline
export const NC: i32 = 1024

/** Up to this many columns of B, the rows of A are read where they lie. */
// @ts-ignore: decorator
@inline
export const NARROW: i32 = 32
