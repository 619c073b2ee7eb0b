import { gram, norm, pca, svdvals, zeros } from '../src/index.js'
import type { Matrix, Pca, Progress } from '../src/index.js'
import { SIDE, sample } from './data.js'
import type { Digits } from './data.js'
import { watched } from './progress.js'

export interface DigitsReport {
  readonly count: number
  readonly rank: number
  /** Seconds for the PCA, and for the whole spectrum that it is compared with. */
  readonly seconds: number
  readonly exactSeconds: number
  readonly model: Pca
  /** All 784 singular values of the centred data. */
  readonly exact: Float64Array
  /** ‖X − X̂‖/‖X‖ of the centred data: measured on every pixel, and the best that this rank can do. */
  readonly error: number
  readonly optimum: number
  /** The same for each rank 1, 2, …, with two power iterations, with none, and the best. */
  readonly curve: readonly { rank: number; error: number; plain: number; optimum: number }[]
  readonly points: readonly { x: number; y: number; digit: number }[]
  /** The first of each digit in the data, and its reconstructions. */
  readonly originals: readonly Float64Array[]
  readonly rebuilt: readonly { rank: number; images: readonly Float64Array[] }[]
}

export async function analyseDigits({ X, labels }: Digits, rank: number): Promise<DigitsReport> {
  const count = X.shape[0]!
  const started = performance.now()
  const model = await watched('PCA', (onProgress) => pca.async(X, { rank, onProgress }))
  const seconds = (performance.now() - started) / 1000

  const plain = await watched('PCA without power iterations', (onProgress) =>
    pca.async(X, { rank, powerIterations: 0, onProgress }),
  )
  const exactStarted = performance.now()
  const exact = await watched('exact spectrum', (onProgress) => spectrum(X, model.mean, onProgress))
  const exactSeconds = (performance.now() - exactStarted) / 1000
  const error = await watched('error', (onProgress) => measuredError(X, model, onProgress))

  const whole = Math.hypot(...exact)
  const curve = Array.from({ length: rank }, (_, j) => ({
    rank: j + 1,
    error: leftOver(whole, model.singularValues, j + 1),
    plain: leftOver(whole, plain.singularValues, j + 1),
    optimum: tail(exact, j + 1) / whole,
  }))
  const firsts = Array.from({ length: 10 }, (_, digit) => labels.indexOf(digit))
  const ranks = [...new Set([2, 8, 24, rank].filter((r) => r <= rank))]
  return {
    count,
    rank,
    seconds,
    exactSeconds,
    model,
    exact,
    error,
    optimum: tail(exact, rank) / whole,
    curve,
    points: Array.from(sample(1200, count), (i) => ({
      x: model.scores.get(i, 0),
      y: model.scores.get(i, 1),
      digit: labels[i]!,
    })),
    originals: firsts.map((i) => Float64Array.from({ length: SIDE ** 2 }, (_, j) => X.get(i, j))),
    rebuilt: ranks.map((r) => ({ rank: r, images: rebuild(model, firsts, r) })),
  }
}

/** Rows of X at a time, in float64 with the mean subtracted. */
const BLOCK = 2000

function* centredBlocks(
  X: Matrix<Float32Array>,
  mean: Float64Array,
): Generator<[start: number, rows: Matrix]> {
  const [count = 0, n = 0] = X.shape
  for (let start = 0; start < count; start += BLOCK) {
    const rows = zeros([Math.min(BLOCK, count - start), n])
    for (let e = 0; e < rows.data.length; e++) rows.data[e] = X.data[start * n + e]! - mean[e % n]!
    yield [start, rows]
  }
}

/**
 * All singular values of the centred data, the slow and certain way: the square roots of those of XᵀX, summed
 * over blocks of rows. Squaring costs half the digits; values above 10⁻⁷ of the largest keep what is shown.
 */
async function spectrum(
  X: Matrix<Float32Array>,
  mean: Float64Array,
  onProgress: (progress: Progress) => void,
): Promise<Float64Array> {
  const [count = 0, n = 0] = X.shape
  const total = zeros([n, n])
  for (const [done, rows] of centredBlocks(X, mean)) {
    onProgress({ method: 'spectrum', stage: 'XᵀX', done, total: count })
    const { data } = await gram.async(rows)
    for (let e = 0; e < data.length; e++) total.data[e]! += data[e]!
  }
  onProgress({ method: 'spectrum', stage: 'its singular values', done: count, total: count })
  return (await svdvals.async(total)).map(Math.sqrt)
}

/** ‖X − mean − scores·components‖/‖X − mean‖, entry by entry: nothing is taken from the theory. */
function measuredError(
  X: Matrix<Float32Array>,
  model: Pca,
  onProgress: (progress: Progress) => void,
): number {
  const count = X.shape[0]!
  let [missed, whole] = [0, 0]
  for (const [start, rows] of centredBlocks(X, model.mean)) {
    onProgress({ method: 'error', stage: 'all pixels', done: start, total: count })
    whole += norm(rows) ** 2
    const scores = model.scores.lo(start, 0).hi(rows.shape[0]!, model.rank)
    const rebuilt = model.inverseTransform(scores)
    const n = rows.shape[1]!
    for (let e = 0; e < rows.data.length; e++) rows.data[e]! -= rebuilt.data[e]! - model.mean[e % n]!
    missed += norm(rows) ** 2
  }
  return Math.sqrt(missed / whole)
}

/**
 * The relative error of the first k triplets. The method projects (Â = Q·QᵀA), so by Pythagoras
 * ‖A − Âₖ‖² = ‖A‖² − Σ σ̂ⱼ²; the page says so, and `measuredError` checks it at the full rank.
 */
function leftOver(whole: number, s: Float64Array, k: number): number {
  const kept = Math.hypot(...s.subarray(0, k)) / whole
  return Math.sqrt((1 - kept) * (1 + kept))
}

/** √(σₖ₊₁² + σₖ₊₂² + …), the error of the best approximation of rank k (Eckart and Young). */
export const tail = (s: Float64Array, k: number): number => Math.hypot(...s.subarray(k))

/** Some digits from their first k scores. */
function rebuild(model: Pca, which: readonly number[], k: number): Float64Array[] {
  const Z = zeros([which.length, model.rank])
  which.forEach((i, row) => {
    for (let j = 0; j < k; j++) Z.set(row, j, model.scores.get(i, j))
  })
  const images = model.inverseTransform(Z).data
  return which.map((_, row) => images.slice(row * SIDE ** 2, (row + 1) * SIDE ** 2))
}
