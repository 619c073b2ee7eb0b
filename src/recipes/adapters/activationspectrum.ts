import { asFiniteMatrix, asVector, dense, packed, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { OptionError, ShapeError } from '../../linalg/errors.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { integer, optional, positive, readOptions, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { transposed } from '../../linalg/thin.js'
import { incrementalSvd } from '../../factorize/svd/incrementalsvd.js'
import type { EvaConfig } from './eva.js'

// EVA's view of a layer's inputs, batch by batch, and the ranks that it gives to layers.

/** The directions in which the inputs of a layer vary most. */
export interface ActivationSpectrum {
  /** k × n orthonormal rows. */
  readonly components: Matrix
  /** σᵢ of the centred activations. */
  readonly singularValues: Float64Array
  /** σᵢ² as a part of the total variance. */
  readonly explained: Float64Array
  /** How many samples have been seen. */
  readonly samples: number
}

/** The directions that `activationStream` follows, and when they count as found. */
export interface ActivationStreamOptions {
  /** k: directions that are wanted, round(ρ·r) for a plan with ρ. */
  readonly rank: number
  /** The directions count as found when each is within this cosine of the one before the last batch. Default 0.99. */
  readonly threshold?: number | undefined
}

/** A stream of a layer's inputs, until their leading directions stand still. */
export interface ActivationStream {
  /** Whether the last batch has left all directions where they were. */
  readonly converged: boolean
  /** Takes a batch of inputs in, n × N. One of fewer samples than `rank` is passed over, and false is the answer. */
  push(X: MatrixLike): boolean
  /** The directions found so far. */
  result(): ActivationSpectrum
}

/**
 * A stream of the inputs of a layer: their principal directions, with a mean that is not known before the end.
 *
 * Beside the centred rows of a batch goes √(N₁N₂/(N₁ + N₂))·(μ₁ − μ₂), for N₁ samples of mean μ₁ before and N₂ of mean
 * μ₂ now: the singular values and right vectors are then those of all samples around their common mean. Exact as long as
 * `incrementalSvd` keeps everything, up to 2·rank directions.
 *
 * @throws OptionError; from `push` ShapeError and NotFiniteError.
 * Cost: that of `incrementalSvd`, and its result for each batch, which tells whether directions have settled.
 * Source: Paischer et al. 2024 (see `eva`); Ross, Lim, Lin and Yang 2008, "Incremental learning for robust visual
 * tracking", for the row of means.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const stream = adapters.activationStream({ rank: 8 })
 * for (let step = 0; step < 10 && !stream.converged; step++) stream.push(random.normal([64, 100], { seed: step }))
 * const eva = adapters.eva({ r: 4, spectrum: stream.result() })
 * ```
 */
export function activationStream(options: ActivationStreamOptions): ActivationStream {
  const fn = 'activationStream'
  const cosine: Reader<number> = (value, fail) =>
    typeof value === 'number' && value > 0 && value <= 1 ? value : fail('a number in (0, 1]')
  const { rank, threshold } = readOptions(fn, options, {
    rank: integer(1),
    threshold: withDefault(cosine, 0.99),
  })
  const svd = incrementalSvd({ rank, vectors: 'right' })
  let samples = 0
  let mean = new Float64Array(0)
  let directions: Matrix | undefined
  let converged = false
  return {
    get converged() {
      return converged
    },
    push(X) {
      const batch = dense(asFiniteMatrix(X, `${fn}.push`, 'X'))
      const [n, N] = [batch.rows, batch.cols]
      if (samples > 0 && n !== mean.length) {
        const expected = `${mean.length} rows`
        throw new ShapeError({ fn: `${fn}.push`, argument: 'X', expected, given: `${n}×${N}` })
      }
      if (N < rank) return false
      const rows = transposed(wrap(packed(batch), n, N))
      const own = new Float64Array(n)
      for (let e = 0; e < rows.data.length; e++) own[e % n]! += rows.data[e]! / N
      for (let e = 0; e < rows.data.length; e++) rows.data[e]! -= own[e % n]!
      const total = samples + N
      const weight = Math.sqrt((samples * N) / total)
      if (samples > 0) svd.push(own.map((mu, j) => weight * (mean[j]! - mu)))
      svd.push(rows)
      mean = own.map((mu, j) => mu + (samples === 0 ? 0 : (samples / total) * (mean[j]! - mu)))
      samples = total
      const { Vt } = svd.result()
      converged = directions !== undefined && settled(directions, Vt, threshold)
      directions = Vt
      return true
    },
    result() {
      const { Vt, s, norm } = svd.result()
      const explained = s.map((sigma) => (norm === 0 ? 0 : (sigma / norm) ** 2))
      return { components: Vt, singularValues: s, explained, samples }
    },
  }
}

/** Whether each direction is within the cosine of its predecessor. */
function settled(before: Matrix, now: Matrix, threshold: number): boolean {
  if (before.shape[0] !== now.shape[0]) return false
  const cosines = matmul(before, now, { transB: true })
  const k = now.shape[0]!
  return Array.from({ length: k }, (_, i) => Math.abs(cosines.data[i * k + i]!)).every((c) => c >= threshold)
}

/** The ranks that `evaPlan` shares out among layers. */
export interface EvaPlanOptions {
  /** The mean rank of a layer. */
  readonly r: number
  /** ρ: a layer gets at most round(ρ·r). Default 2. */
  readonly rho?: number | undefined
  /** α for rank r; a layer's is α·rₗ/r, so that s is the same for all. Default r. */
  readonly loraAlpha?: number | undefined
}

/**
 * EVA's ranks: the layers · r largest shares of variance, among all layers, each give their layer one direction.
 *
 * @param spectra - of each layer, with round(ρ·r) directions, or as many as it has.
 * @returns for each layer the configuration of its `eva`, or undefined where it gets no direction. The ranks add up to
 * layers · r.
 * @throws OptionError, also where the spectra together have fewer directions.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const streams = [0, 1].map(() => adapters.activationStream({ rank: 4 }))
 * streams.forEach((stream, layer) => stream.push(random.normal([16 * (layer + 1), 50], { seed: layer })))
 * adapters.evaPlan(streams.map((stream) => stream.result()), { r: 2 })   // [{ r: 3, … }, { r: 1, … }] or so
 * ```
 */
export function evaPlan(
  spectra: readonly ActivationSpectrum[],
  options: EvaPlanOptions,
): (EvaConfig | undefined)[] {
  const fn = 'evaPlan'
  const { r, rho, loraAlpha } = readOptions(fn, options, {
    r: integer(1),
    rho: withDefault(positive, 2),
    loraAlpha: optional(positive),
  })
  const most = Math.round(rho * r)
  const shares = spectra.flatMap(({ explained }, layer) =>
    Array.from(asVector(explained, fn, `spectra[${layer}].explained`).subarray(0, most), (share) => ({
      layer,
      share,
    })),
  )
  const budget = spectra.length * r
  if (shares.length < budget) {
    const expected = `${budget} directions of at most ${most} for each layer`
    throw new OptionError({ fn, argument: 'spectra', expected, given: `${shares.length}` })
  }
  const ranks = new Int32Array(spectra.length)
  shares.sort((a, b) => b.share - a.share)
  for (const { layer } of shares.slice(0, budget)) ranks[layer]!++
  return spectra.map((spectrum, layer) => {
    const rank = ranks[layer]!
    return rank === 0 ? undefined : { r: rank, loraAlpha: ((loraAlpha ?? r) * rank) / r, spectrum }
  })
}
