import { eye, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { cholesky } from '../../linalg/dense/cholesky.js'
import { STREAM, normalBlock } from '../../linalg/random.js'
import type { Steps } from '../../linalg/steps.js'
import { divergence, products, sitesOf } from './funbatmoments.js'
import type { Core } from './funbatmoments.js'
import { smoothSteps } from './statespace.js'
import type { Matern, Site, Smoothed } from './statespace.js'

/** Of the variance of y: the least that the noise is taken for. */
const FLOOR = 1e-12
/**
 * Noise that is large at first makes the prior drop what it could explain, for good: it is taken for small, a
 * twentieth of y in size, until some sweeps have found what there is.
 */
const START = 400

/** A functional Tucker model under its variational posterior, one start. */
export class FunctionalTucker {
  readonly history: number[] = []
  tau = START
  #core: Core
  readonly #factors: Smoothed[]
  readonly #sites: Site[][] = []

  constructor(
    readonly ranks: readonly number[],
    readonly kernels: readonly Matern[],
    readonly coordinates: readonly Float64Array[],
    readonly where: readonly Int32Array[],
    readonly y: Float64Array,
    readonly held: number,
    seed: number,
  ) {
    const P = ranks.reduce((product, R) => product * R, 1)
    const random = (row: number, count: number): Float64Array =>
      normalBlock({ seed, stream: STREAM.functionalFactors, i0: row, i1: row + 1, j0: 0, j1: count })
    this.#factors = ranks.map((R, n) => {
      const J = coordinates[n]!.length
      const start = random(n, J * R)
      return {
        means: Array.from({ length: J }, (_, j) => start.subarray(j * R, (j + 1) * R).map((x) => x / 2)),
        covariances: Array.from({ length: J }, () =>
          wrap(
            eye(R).data.map((x) => x / 10),
            R,
            R,
          ),
        ),
        logEvidence: 0,
      }
    })
    this.#core = { mean: random(ranks.length, P), covariance: wrap(new Float64Array(P * P), P, P) }
  }

  /** Each mode, the core and the noise in turn, each the best for the others. */
  *sweepSteps(): Steps<void> {
    const { ranks, where, y } = this
    let loss = 0
    for (let n = 0; n < ranks.length; n++) {
      const count = this.coordinates[n]!.length
      const sites = sitesOf(n, ranks, count, this.#core, this.#factors, where, y, this.tau)
      this.#sites[n] = sites
      this.#factors[n] = yield* smoothSteps(this.kernels[n]!, this.coordinates[n]!, sites, ranks[n]!)
      loss += divergence(sites, this.#factors[n]!)
    }
    const P = this.#core.mean.length
    const [ZZ, zy] = [new Float64Array(P * P), new Float64Array(P)]
    for (let i = 0; i < y.length; i++) {
      const { mean, moment } = products(this.#factors, where, i)
      for (let e = 0; e < ZZ.length; e++) ZZ[e]! += moment[e]!
      for (let p = 0; p < P; p++) zy[p]! += mean[p]! * y[i]!
    }
    const I = eye(P)
    const { L, solve } = cholesky(
      wrap(
        ZZ.map((x, e) => this.tau * x + I.data[e]!),
        P,
        P,
      ),
    )
    const mean = solve(zy.map((x) => this.tau * x))
    this.#core = { mean, covariance: solve(I) }
    // KL(N(w, Σ)‖N(0, I)), log|Σ| = −2·Σ log Lᵢᵢ
    for (let p = 0; p < P; p++) {
      loss += (this.#core.covariance.get(p, p) + mean[p]! ** 2 - 1) / 2 + Math.log(L.get(p, p))
    }
    let squares = y.reduce((sum, x) => sum + x * x, 0)
    for (let p = 0; p < P; p++) {
      squares -= 2 * mean[p]! * zy[p]!
      for (let q = 0; q < P; q++) {
        squares += ZZ[p * P + q]! * (mean[p]! * mean[q]! + this.#core.covariance.get(p, q))
      }
    }
    if (this.history.length >= this.held) this.tau = y.length / Math.max(squares, y.length * FLOOR)
    this.history.push((y.length * Math.log(this.tau / (2 * Math.PI)) - this.tau * squares) / 2 - loss)
  }

  *predictSteps(X: Matrix): Steps<{ mean: Float64Array; variance: Float64Array }> {
    const N = X.shape[0]!
    const places: Int32Array[] = []
    const factors: Smoothed[] = []
    for (const [n, known] of this.coordinates.entries()) {
      const R = this.ranks[n]!
      const asked = Array.from({ length: N }, (_, i) => X.get(i, n))
      const all = Float64Array.from(new Set([...known, ...asked])).sort()
      const at = new Map(Array.from(known, (x, j) => [x, j]))
      const place = new Map(Array.from(all, (x, j) => [x, j]))
      const none = { precision: wrap(new Float64Array(R * R), R, R), shift: new Float64Array(R) }
      const sites = Array.from(all, (x) => (at.has(x) ? this.#sites[n]![at.get(x)!]! : none))
      factors.push(yield* smoothSteps(this.kernels[n]!, all, sites, R))
      places.push(Int32Array.from(asked, (x) => place.get(x)!))
    }
    const { mean: w, covariance } = this.#core
    const P = w.length
    const [mean, variance] = [new Float64Array(N), new Float64Array(N)]
    for (let i = 0; i < N; i++) {
      const z = products(factors, places, i)
      for (let p = 0; p < P; p++) {
        mean[i]! += w[p]! * z.mean[p]!
        for (let q = 0; q < P; q++) {
          variance[i]! += (w[p]! * w[q]! + covariance.data[p * P + q]!) * z.moment[p * P + q]!
        }
      }
      variance[i] = Math.max(0, variance[i]! - mean[i]! ** 2)
    }
    return { mean, variance }
  }
}
