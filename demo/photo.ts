import { norm, rsvd, svdvals } from '../src/index.js'
import type { Matrix, RsvdOptions, Svd } from '../src/index.js'
import type { Picture } from './data.js'
import { tail } from './digits.js'
import { watched } from './progress.js'

interface Compressed {
  readonly rank: number
  /** Over all three channels, relative: measured, estimated by the method itself, and the best possible. */
  readonly error: number
  readonly estimate: number
  readonly optimum: number
  /** Numbers kept per number of the picture. */
  readonly storage: number
  readonly seconds: number
  readonly channels: readonly Matrix[]
}

interface MethodPoint {
  readonly method: string
  readonly rank: number
  /** Its error over the best possible one of that rank: 1 is perfect. */
  readonly ratio: number
}

export interface PhotoReport {
  readonly picture: Picture
  readonly compressed: readonly Compressed[]
  /** The relative error of the best approximation of each rank 1, 2, … */
  readonly optimum: readonly number[]
  readonly methods: readonly MethodPoint[]
  /** What `rtol` alone asks for, and what it got. */
  readonly adaptive: { readonly rtol: number; readonly ranks: readonly number[]; readonly error: number }
}

export async function compressPhoto(picture: Picture, ranks: readonly number[]): Promise<PhotoReport> {
  const { channels } = picture
  const spectra: Float64Array[] = []
  const compressed: Compressed[] = []
  const methods: MethodPoint[] = []
  const steps = channels.length + ranks.length + METHOD_RANKS.length
  await watched('photograph', async (onProgress) => {
    let done = 0
    const step = (stage: string): void => {
      onProgress({ method: 'photo', stage, done: done++, total: steps })
    }
    for (const channel of channels) {
      step('exact spectrum')
      spectra.push(await svdvals.async(channel))
    }
    for (const rank of ranks) {
      step(`rank ${rank}`)
      compressed.push(await compress(picture, spectra, rank))
    }
    for (const rank of METHOD_RANKS) {
      step(`ways to rank ${rank}`)
      methods.push(...(await compareMethods(channels[0]!, spectra[0]!, rank)))
    }
  })
  const rtol = 0.1
  const adaptive = channels.map((channel) => rsvd(channel, { rtol }))
  return {
    picture,
    compressed,
    optimum: Array.from({ length: Math.min(160, spectra[0]!.length - 1) }, (_, k) => best(spectra, k + 1)),
    methods,
    adaptive: {
      rtol,
      ranks: adaptive.map(({ rank }) => rank),
      error: overall(channels, adaptive.map(missed)),
    },
  }

  function missed(result: Svd, c: number): number {
    return distance(channels[c]!, result.toDense())
  }
}

async function compress(
  { width, height, channels }: Picture,
  spectra: readonly Float64Array[],
  rank: number,
): Promise<Compressed> {
  const started = performance.now()
  const results: Svd[] = []
  for (const channel of channels) results.push(await rsvd.async(channel, { rank }))
  const seconds = (performance.now() - started) / 1000
  const dense = results.map((result) => result.toDense())
  const estimated = results.map(({ errorEstimate }, c) => errorEstimate * norm(channels[c]!))
  return {
    rank,
    error: overall(
      channels,
      dense.map((D, c) => distance(channels[c]!, D)),
    ),
    estimate: overall(channels, estimated),
    optimum: best(spectra, rank),
    storage: (rank * (width + height + 1)) / (width * height),
    seconds,
    channels: dense,
  }
}

/** Ranks at which the sketch of the single pass, 8k + 3 rows, is still smaller than the picture. */
const METHOD_RANKS = [2, 5, 10, 20, 40]

const WAYS: Record<string, Omit<RsvdOptions, 'rank'>> = {
  'one pass': { method: 'singlePass' },
  'no power iteration': { powerIterations: 0 },
  'one power iteration': { powerIterations: 1 },
  'two (the default)': { powerIterations: 2 },
}

async function compareMethods(A: Matrix, spectrum: Float64Array, rank: number): Promise<MethodPoint[]> {
  const points: MethodPoint[] = []
  for (const [method, options] of Object.entries(WAYS)) {
    const result = await rsvd.async(A, { rank, ...options })
    points.push({ method, rank, ratio: distance(A, result.toDense()) / tail(spectrum, rank) })
  }
  return points
}

function distance(A: Matrix, B: Matrix): number {
  return Math.hypot(...columnsOfSquares(A.data, B.data))
}

/** Differences summed in 1024 lots: `Math.hypot` takes no half million arguments. */
function columnsOfSquares(a: Float64Array, b: Float64Array): Float64Array {
  const lots = new Float64Array(1024)
  for (let e = 0; e < a.length; e++) lots[e % 1024]! += (a[e]! - b[e]!) ** 2
  return lots.map(Math.sqrt)
}

/** Errors of the channels as one, relative to the whole picture. */
function overall(channels: readonly Matrix[], errors: readonly number[]): number {
  return Math.hypot(...errors) / Math.hypot(...channels.map((channel) => norm(channel)))
}

function best(spectra: readonly Float64Array[], k: number): number {
  return Math.hypot(...spectra.map((s) => tail(s, k))) / Math.hypot(...spectra.map((s) => tail(s, 0)))
}
