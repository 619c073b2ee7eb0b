/** The indices of the `count` largest keys, ascending; the first among equals. Cost: one scan, a few shifts. */
export function largestIndices(keys: Float64Array, count: number): Int32Array {
  const k = Math.min(count, keys.length)
  // The best so far, from the largest down.
  const best = new Int32Array(k)
  let held = 0
  for (let i = 0; i < keys.length; i++) {
    if (held === k && (k === 0 || !(keys[i]! > keys[best[k - 1]!]!))) continue
    let at = held < k ? held++ : k - 1
    for (; at > 0 && keys[best[at - 1]!]! < keys[i]!; at--) best[at] = best[at - 1]!
    best[at] = i
  }
  return best.sort()
}
