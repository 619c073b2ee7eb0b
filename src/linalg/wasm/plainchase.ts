// chase, reflectRight and reflectLeft in plain TypeScript; addresses are indices into the view `M`.

export function chase(
  M: Float64Array,
  h: number,
  ldh: number,
  start: number,
  k0: number,
  k1: number,
  last: number,
  v: number,
  refl: number,
): void {
  for (let k = k0; k < k1; k++) {
    const r = refl + 3 * (k - k0)
    const size = Math.min(3, last - k + 1)
    const from = k === start ? v : h + k + (k - 1) * ldh
    const beta = reflector(M, size, from, r)
    if (k !== start) {
      M[from] = beta
      M.fill(0, from + 1, from + size)
    }
    for (let j = k; j < Math.min(k1 + 2, last + 1); j++) reflect(M, size, r, h + k + j * ldh, 1)
    for (let i = k0; i <= Math.min(k + 3, last); i++) reflect(M, size, r, h + i + k * ldh, ldh)
  }
}

export function reflectRight(
  M: Float64Array,
  steps: number,
  tail: number,
  refl: number,
  m: number,
  x: number,
  ldx: number,
): void {
  for (let i = 0; i < m; i++) reflectLine(M, steps, tail, refl, x + i, ldx)
}

export function reflectLeft(
  M: Float64Array,
  steps: number,
  tail: number,
  refl: number,
  n: number,
  x: number,
  ldx: number,
): void {
  for (let j = 0; j < n; j++) reflectLine(M, steps, tail, refl, x + j * ldx, 1)
}

function reflectLine(
  M: Float64Array,
  steps: number,
  tail: number,
  refl: number,
  x: number,
  stride: number,
): void {
  for (let k = 0; k < steps; k++) reflect(M, 3, refl + 3 * k, x + k * stride, stride)
  if (tail) reflect(M, 2, refl + 3 * steps, x + steps * stride, stride)
}

/** Writes (t, v2, v3) of the reflector that makes x into (beta, 0, 0), and gives beta. */
function reflector(M: Float64Array, size: number, x: number, to: number): number {
  const [a, b, c] = [M[x]!, M[x + 1]!, size === 3 ? M[x + 2]! : 0]
  M.fill(0, to, to + 3)
  if (b === 0 && c === 0) return a
  const beta = a < 0 ? Math.hypot(a, b, c) : -Math.hypot(a, b, c)
  M[to] = (beta - a) / beta
  M[to + 1] = b / (a - beta)
  M[to + 2] = c / (a - beta)
  return beta
}

/** Applies the reflector at `r` to `size` numbers, `stride` apart. */
function reflect(M: Float64Array, size: number, r: number, x: number, stride: number): void {
  const [t, v2, v3] = [M[r]!, M[r + 1]!, M[r + 2]!]
  const [y, z] = [x + stride, x + 2 * stride]
  const s = t * (M[x]! + v2 * M[y]! + (size === 3 ? v3 * M[z]! : 0))
  M[x]! -= s
  M[y]! -= v2 * s
  if (size === 3) M[z]! -= v3 * s
}
