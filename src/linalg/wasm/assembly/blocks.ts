// Block sizes of gemm. The register tile was found by measurement; the others hardly matter where caches are
// large (KC 192 to 384, MC 48 to 192, NC 512 to 2048 were within the noise), so they are small enough for a
// second-level cache of 256 KiB.

/** Rows of the register tile: as many as 16 SIMD registers hold without spilling, which a product needs too. */
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

/** Up to this many columns of B, the rows of A are read where they lie: packing them would not pay. */
// @ts-ignore: decorator
@inline
export const NARROW: i32 = ASC_FEATURE_RELAXED_SIMD ? 32 : 16
