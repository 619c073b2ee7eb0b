// What the two variants and the two precisions share.

/** a·b + c. Fused where relaxed SIMD is there. */
// @ts-ignore: decorator
@inline
export function madd<T>(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? v128.relaxed_madd<T>(a, b, c) : v128.add<T>(c, v128.mul<T>(a, b))
}

/** The sum of the lanes. */
// @ts-ignore: decorator
@inline
export function sum<T>(x: v128): T {
  if (sizeof<T>() == 8) {
    return <T>(f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1))
  } else {
    return <T>(
      (f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3)))
    )
  }
}
