import { tensor, volume } from './arrays.js'
import type { Tensor } from './arrays.js'
import { readOptions, seed as seedOption } from './options.js'

// Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers:
// as easy as 1, 2, 3"). An entry is a function of (seed, stream, i, j) alone, so any block of a random
// matrix can be made anywhere, in any order.

const M0 = 0xd2511f53
const M1 = 0xcd9e8d57
const W0 = 0x9e3779b9
const W1 = 0xbb67ae85

/**
 * One block of Philox 4x32: 4 words of counter and 2 of key give 4 random words.
 *
 * @param counter - 4 words, read as unsigned 32-bit integers.
 * @param key - 2 words.
 * @param out - where the 4 words go; a fresh array by default.
 * @param rounds - 10; 7 pass the statistical tests too, and have known answers.
 *
 * @example
 * ```ts
 * import { philox } from 'lowrank'
 * philox([0, 0, 0, 0], [0, 0])   // 6627e8d5 e169c58d bc57ac4c 9b00dbd8
 * ```
 */
export function philox(
  counter: ArrayLike<number>,
  key: ArrayLike<number>,
  out: Uint32Array = new Uint32Array(4),
  rounds = 10,
): Uint32Array {
  let c0 = counter[0]! | 0
  let c1 = counter[1]! | 0
  let c2 = counter[2]! | 0
  let c3 = counter[3]! | 0
  let k0 = key[0]! | 0
  let k1 = key[1]! | 0
  for (let round = 0; round < rounds; round++) {
    const hi0 = mulhi(M0, c0)
    const lo0 = Math.imul(M0, c0)
    const hi1 = mulhi(M1, c2)
    const lo1 = Math.imul(M1, c2)
    c0 = hi1 ^ c1 ^ k0
    c1 = lo1
    c2 = hi0 ^ c3 ^ k1
    c3 = lo0
    k0 = (k0 + W0) | 0
    k1 = (k1 + W1) | 0
  }
  out[0] = c0
  out[1] = c1
  out[2] = c2
  out[3] = c3
  return out
}

/** The high 32 bits of a 32×32-bit product, by 16-bit halves: no intermediate reaches 2³². */
export function mulhi(a: number, b: number): number {
  const a0 = a & 0xffff
  const a1 = a >>> 16
  const b0 = b & 0xffff
  const b1 = b >>> 16
  const t = a0 * b0
  const w = a1 * b0 + (t >>> 16)
  const w1 = (w & 0xffff) + a0 * b1
  return (a1 * b1 + (w >>> 16) + (w1 >>> 16)) | 0
}

/**
 * What a random number is for. Each purpose has a stream of its own (the third counter word), so that data
 * made with seed 0 is not the sketch that a method draws with seed 0.
 */
export const STREAM = {
  data: 0,
  testMatrix: 1,
  probes: 2,
  corange: 3,
  coreLeft: 4,
  coreRight: 5,
  orthogonal: 6,
  orthogonalRight: 7,
  perturbation: 8,
  nystromColumns: 9,
  nystromPivots: 10,
  nystromLevels: 11,
  tuckerModes: 12,
  chebyshevPoints: 13,
  functionalFactors: 14,
  lanczosStart: 16,
  normStart: 17,
  traceRange: 18,
  traceProbes: 19,
  nystromLeft: 20,
  leverageSketch: 24,
  leverageRidge: 25,
  leverageProjection: 26,
  rowSample: 27,
  dppVectors: 28,
  dppPoints: 29,
  volumeRows: 30,
  rowSketch: 31,
  gaussianSketch: 32,
  rademacherSketch: 33,
  sparseRows: 34,
  sparseSigns: 35,
  hadamardRows: 36,
  hadamardSigns: 37,
  hadamardSignsAgain: 38,
  cosineRows: 39,
  cosineSigns: 40,
  conditionProbe: 41,
  topEigenvector: 48,
  oja: 49,
  butterfly: 52,
  butterflyOrder: 53,
  observedOrder: 54,
  completionSigns: 55,
  completionHoldOut: 56,
  sensorProbes: 57,
  sensingStart: 58,
  anchors: 59,
  banditArms: 64,
  contextualArms: 65,
  kernelBandit: 66,
  projectionSketch: 70,
  projectionRows: 71,
  descentBlock: 72,
  halpernRefresh: 73,
  halpernBatch: 74,
  attentionFeatures: 76,
  adapterDown: 80,
  adapterUp: 81,
  adapterCore: 82,
  adapterBasesDown: 83,
  adapterBasesUp: 84,
  adapterPicks: 85,
  subspace: 96,
  spectralVectors: 97,
  sltrainSupport: 112,
  sltrainFactor: 113,
  sltrainValues: 114,
  matchingOrder: 115,
} as const

/** Entries of a random matrix: rows [i0, i1) × columns [j0, j1) of stream `stream`, row-major. */
export interface Block {
  readonly seed: number
  readonly stream: number
  readonly i0: number
  readonly i1: number
  readonly j0: number
  readonly j1: number
}

/** 2⁻⁵² */
const ULP = 2 ** -52

/** The first of the two uniforms of a block, strictly inside (0, 1): 52 bits and a half. */
const uniformOf = (w0: number, w1: number): number => ((w0 >>> 6) * 0x4000000 + (w1 >>> 6) + 0.5) * ULP

/**
 * Standard normals. Entry (i, j) takes half (j mod 2) of the Box–Muller pair of counter (⌊j/2⌋, i, stream);
 * it does not depend on the size of the matrix or of the block.
 */
export function normalBlock(block: Block): Float64Array {
  return fillBlock(block, (w, pair) => {
    const radius = Math.sqrt(-2 * Math.log(uniformOf(w[0]!, w[1]!)))
    const angle = 2 * Math.PI * uniformOf(w[2]!, w[3]!)
    pair[0] = radius * Math.cos(angle)
    pair[1] = radius * Math.sin(angle)
  })
}

/** Uniforms strictly inside (0, 1), addressed like normals. */
export function uniformBlock(block: Block): Float64Array {
  return fillBlock(block, (w, pair) => {
    pair[0] = uniformOf(w[0]!, w[1]!)
    pair[1] = uniformOf(w[2]!, w[3]!)
  })
}

function fillBlock(
  { seed, stream, i0, i1, j0, j1 }: Block,
  pairOf: (words: Uint32Array, pair: Float64Array) => void,
): Float64Array {
  const cols = j1 - j0
  const out = new Float64Array((i1 - i0) * cols)
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)]
  const counter = new Uint32Array(4)
  const words = new Uint32Array(4)
  const pair = new Float64Array(2)
  counter[2] = stream
  for (let i = i0, row = 0; i < i1; i++, row += cols) {
    counter[1] = i
    for (let c = j0 >>> 1; 2 * c < j1; c++) {
      counter[0] = c
      pairOf(philox(counter, key, words), pair)
      const j = 2 * c - j0
      if (j >= 0) out[row + j] = pair[0]!
      if (j + 1 < cols) out[row + j + 1] = pair[1]!
    }
  }
  return out
}

/** Which of the many sequences of random numbers is drawn. */
export interface RandomOptions {
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

function draw(
  fn: string,
  fill: (block: Block) => Float64Array,
  shape: readonly number[],
  options?: RandomOptions,
): Tensor {
  const { seed } = readOptions(fn, options, { seed: seedOption })
  const size = volume(shape, fn)
  const cols = shape.at(-1)!
  const rows = cols === 0 ? 0 : size / cols
  return tensor(fill({ seed, stream: STREAM.data, i0: 0, i1: rows, j0: 0, j1: cols }), shape)
}

/** Random data: the same seed gives the same numbers, always. Entries of a longer tensor extend a shorter one's. */
export const random = {
  /**
   * Standard normal numbers (Box–Muller on Philox).
   *
   * @example
   * ```ts
   * import { random } from 'lowrank'
   * const A = random.normal([1000, 200], { seed: 7 })
   * ```
   */
  normal: (shape: readonly number[], options?: RandomOptions): Tensor =>
    draw('random.normal', normalBlock, shape, options),
  /**
   * Numbers uniform in (0, 1), the ends excluded.
   *
   * @example
   * ```ts
   * import { random } from 'lowrank'
   * const u = random.uniform([10])
   * ```
   */
  uniform: (shape: readonly number[], options?: RandomOptions): Tensor =>
    draw('random.uniform', uniformBlock, shape, options),
}
