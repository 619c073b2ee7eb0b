import { contiguous, eye, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { det } from '../../linalg/dense/lu.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { solve } from '../../linalg/dense/solve.js'
import { breath } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'

// R independent Gaussian processes of a Matérn kernel in one coordinate, as a Markov chain over sorted coordinates: what
// is O(J³) for J of them by the kernel matrix is O(J·R³) by a filter forward and a smoother back (Särkkä 2013).

/** A Matérn kernel: variance·(1 + l·r)·e^{−l·r} with l = √3/length for nu 1.5, variance·e^{−r/length} for 0.5. */
export interface Matern {
  readonly nu: 0.5 | 1.5
  readonly length: number
  readonly variance: number
}

/** What the data say of the R values at one coordinate: exp(−½·uᵀ·precision·u + shiftᵀ·u). */
export interface Site {
  /** R × R */
  readonly precision: Matrix
  readonly shift: Float64Array
}

export interface Smoothed {
  /** At each coordinate the R means, and their R × R covariances. */
  readonly means: readonly Float64Array[]
  readonly covariances: readonly Matrix[]
  /** log ∫ prior·sites. */
  readonly logEvidence: number
}

const column = (x: Float64Array): Matrix => wrap(x, x.length, 1)

function plus(A: Matrix, B: Matrix, factor = 1): Matrix {
  return wrap(
    A.data.map((x, e) => x + factor * B.data[e]!),
    A.shape[0]!,
    A.shape[1]!,
  )
}

/** a ⊗ I, rows × rows blocks of R × R. */
function spread(a: readonly (readonly number[])[], R: number): Matrix {
  const [m, n] = [a.length, a[0]!.length]
  const out = new Float64Array(m * R * n * R)
  a.forEach((row, i) => {
    row.forEach((x, j) => {
      for (let r = 0; r < R; r++) out[(i * R + r) * n * R + j * R + r] = x
    })
  })
  return wrap(out, m * R, n * R)
}

/** Values and derivatives after a step of dt; A of the chain, and its covariance at rest. */
function transition({ nu, length, variance }: Matern, dt: number, R: number): { A: Matrix; rest: Matrix } {
  if (nu === 0.5) return { A: spread([[Math.exp(-dt / length)]], R), rest: spread([[variance]], R) }
  const l = Math.sqrt(3) / length
  const decay = Math.exp(-l * dt)
  const A = [
    [decay * (1 + l * dt), decay * dt],
    [-decay * l * l * dt, decay * (1 - l * dt)],
  ]
  return { A: spread(A, R), rest: spread([[variance, 0], [0, l * l * variance]], R) } // prettier-ignore
}

/** The R values out of a state, or its covariance. */
function values(M: Matrix, R: number): Matrix {
  const n = M.shape[1]!
  const cols = Math.min(n, R)
  const out = new Float64Array(R * cols)
  for (let r = 0; r < R; r++) for (let c = 0; c < cols; c++) out[r * cols + c] = M.data[r * n + c]!
  return wrap(out, R, cols)
}

/** Posterior means and covariances of the values at ascending coordinates. */
export function* smoothSteps(
  kernel: Matern,
  coordinates: ArrayLike<number>,
  sites: readonly Site[],
  R: number,
): Steps<Smoothed> {
  const J = coordinates.length
  const filtered: { m: Matrix; P: Matrix }[] = []
  const predicted: { m: Matrix; P: Matrix; A: Matrix }[] = []
  let logEvidence = 0
  for (let j = 0; j < J; j++) {
    const { A, rest } = transition(kernel, j === 0 ? 0 : coordinates[j]! - coordinates[j - 1]!, R)
    const before = filtered[j - 1]
    const m = before ? matmul(A, before.m) : column(new Float64Array(A.shape[0]!))
    // Stationary: A·P·Aᵀ + Q with Q = rest − A·rest·Aᵀ.
    const P = before ? plus(rest, matmul(matmul(A, plus(before.P, rest, -1)), A, { transB: true })) : rest
    predicted.push({ m, P, A })
    const { precision: L, shift } = sites[j]!
    const [V, mu] = [values(P, R), values(m, R)]
    const S = plus(eye(R), matmul(L, V))
    const innovation = plus(column(shift), matmul(L, mu), -1)
    const gain = matmul(state(P, R), solve(S, eye(R)))
    logEvidence += evidence(S, L, V, mu, shift, innovation)
    const next = plus(P, matmul(matmul(gain, L), state(P, R), { transB: true }), -1)
    filtered.push({ m: plus(m, matmul(gain, innovation)), P: symmetric(next) })
    yield* breath()
  }
  const smoothed = filtered.slice()
  for (let j = J - 2; j >= 0; j--) {
    const { m, P } = filtered[j]!
    const ahead = predicted[j + 1]!
    // G = P·Aᵀ·ahead.P⁻¹
    const G = solve(ahead.P, matmul(ahead.A, P)).transpose(1, 0)
    const later = smoothed[j + 1]!
    const mean = plus(m, matmul(G, plus(later.m, ahead.m, -1)))
    const covariance = plus(P, matmul(matmul(G, plus(later.P, ahead.P, -1)), G, { transB: true }))
    smoothed[j] = { m: mean, P: symmetric(covariance) }
    yield* breath()
  }
  return {
    means: smoothed.map(({ m }) => values(m, R).data),
    covariances: smoothed.map(({ P }) => values(P, R)),
    logEvidence,
  }
}

/** The first R columns of a covariance: P·Hᵀ. */
function state(P: Matrix, R: number): Matrix {
  const n = P.shape[1]!
  const out = new Float64Array(n * R)
  for (let i = 0; i < n; i++) for (let r = 0; r < R; r++) out[i * R + r] = P.data[i * n + r]!
  return wrap(out, n, R)
}

const symmetric = (P: Matrix): Matrix => plus(P, plus(P, contiguous(P.transpose(1, 0)), -1), -0.5)

/** log ∫ N(u; μ, V)·exp(−½·uᵀLu + ηᵀu) du = −½·log|I + LV| + ηᵀμ − ½·μᵀLμ + ½·eᵀV(I + LV)⁻¹e, e = η − Lμ. */
function evidence(S: Matrix, L: Matrix, V: Matrix, mu: Matrix, eta: Float64Array, e: Matrix): number {
  const dot = (x: Matrix, y: Matrix): number => x.data.reduce((sum, value, t) => sum + value * y.data[t]!, 0)
  const pulled = matmul(V, solve(S, e))
  return -Math.log(det(S)) / 2 + dot(column(eta), mu) - dot(mu, matmul(L, mu)) / 2 + dot(e, pulled) / 2
}
