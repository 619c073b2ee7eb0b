import { breath } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import type { ButterflyFactor } from './butterflyoperator.js'

// The product of levels a … b of a butterfly matrix, level 1 the one that is applied last, has W = 2^(b−a+1) entries in
// each row: row i and column j agree in all bits but those of these levels. It is kept as rows × W numbers, entry c of
// row i being the column whose bits there are c. With a = 1 and b = L that is the whole matrix, row-major.

/** Complex numbers, or real ones where `im` is absent. */
export interface Entries {
  readonly re: Float64Array
  readonly im?: Float64Array
}

/**
 * Levels of a butterfly matrix near Z, n × n, whose columns are in the butterfly's order: split by split, each product of
 * levels becomes a product of two, by the best rank-one approximation of each of n small blocks. Exact where Z is such a
 * product; else within a constant of the best (Zheng, Riccietti and Gribonval 2023; Le et al. 2023).
 */
export function* hierarchicalSteps(Z: Entries, L: number, iterations: number): Steps<ButterflyFactor[]> {
  const n = 2 ** L
  const factors = yield* splitSteps(Z, 1, L)
  // Level a is stride n/2^a; they are applied from the last one on.
  return factors.map((X, t) => planes(X, n, n / 2 ** (t + 1))).reverse()

  function* splitSteps(X: Entries, a: number, b: number): Steps<Entries[]> {
    if (a === b) return [X]
    const m = Math.floor((a + b) / 2)
    const [left, right] = yield* rankOneSteps(
      X,
      n,
      [2 ** (a - 1), 2 ** (m - a + 1), 2 ** (b - m)],
      iterations,
    )
    return [...(yield* splitSteps(left, a, m)), ...(yield* splitSteps(right, m + 1, b))]
  }
}

/** Numbers read between two breaths. */
const STRETCH = 2 ** 18

/**
 * X ≈ Y·V, both with fewer entries in a row. Index k of what is between them has digits k1, k2, k3, k4 of the sizes `outer`,
 * `rows`, `cols` and the rest: rows with another k2 and columns with another k3 make a block, and no entry is in two blocks.
 */
function* rankOneSteps(
  X: Entries,
  n: number,
  [outer, rows, cols]: readonly [number, number, number],
  iterations: number,
): Steps<[Entries, Entries]> {
  const inner = n / (outer * rows * cols)
  const width = rows * cols
  const empty = (size: number): Entries => ({
    re: new Float64Array(n * size),
    ...(X.im && { im: new Float64Array(n * size) }),
  })
  const [left, right] = [empty(rows), empty(cols)]
  const block = new Block(rows, cols, X.im !== undefined)
  let read = 0
  for (let k = 0; k < n; k++) {
    const k4 = k % inner
    const k3 = Math.floor(k / inner) % cols
    const k2 = Math.floor(k / (inner * cols)) % rows
    const k1 = Math.floor(k / (inner * width))
    const row = (r: number): number => ((k1 * rows + r) * cols + k3) * inner + k4
    for (let r = 0; r < rows; r++) block.load(X, r, row(r) * width + k2 * cols)
    block.approximate(iterations)
    for (let r = 0; r < rows; r++) put(left, row(r) * rows + k2, block.u, r)
    for (let c = 0; c < cols; c++) put(right, k * cols + c, block.v, c)
    read += width
    if (read < STRETCH) continue
    read = 0
    yield* breath()
  }
  return [left, right]
}

function put(X: Entries, at: number, from: { re: Float64Array; im: Float64Array }, t: number): void {
  X.re[at] = from.re[t]!
  if (X.im) X.im[at] = from.im[t]!
}

/** One block B and its best rank-one approximation u·vᵀ, ‖u‖ = ‖v‖, by the power method. */
class Block {
  readonly #re: Float64Array
  readonly #im: Float64Array
  readonly u: { re: Float64Array; im: Float64Array }
  readonly v: { re: Float64Array; im: Float64Array }

  constructor(
    readonly rows: number,
    readonly cols: number,
    readonly complex: boolean,
  ) {
    const pair = (size: number): { re: Float64Array; im: Float64Array } => ({
      re: new Float64Array(size),
      im: new Float64Array(size),
    })
    this.#re = new Float64Array(rows * cols)
    this.#im = new Float64Array(rows * cols)
    this.u = pair(rows)
    this.v = pair(cols)
  }

  load({ re, im }: Entries, row: number, from: number): void {
    this.#re.set(re.subarray(from, from + this.cols), row * this.cols)
    if (im) this.#im.set(im.subarray(from, from + this.cols), row * this.cols)
  }

  /** At most so many iterations; one is enough where the rank is one. */
  approximate(iterations: number): void {
    const { rows, cols, u, v } = this
    const [re, im] = [this.#re, this.#im]
    // The longest column is in the range of B, and all of it where the rank is one.
    let [longest, size] = [0, 0]
    for (let c = 0; c < cols; c++) {
      let sum = 0
      for (let r = 0, e = c; r < rows; r++, e += cols) sum += re[e]! * re[e]! + im[e]! * im[e]!
      if (sum > size) [longest, size] = [c, sum]
    }
    u.re.fill(0)
    u.im.fill(0)
    v.re.fill(0)
    v.im.fill(0)
    if (size === 0) return
    for (let r = 0, e = longest; r < rows; r++, e += cols) {
      u.re[r] = re[e]! / Math.sqrt(size)
      u.im[r] = im[e]! / Math.sqrt(size)
    }
    let sigma = this.#times(true)
    for (let i = 0; i < iterations; i++) {
      scale(v, 1 / sigma)
      const before = sigma
      sigma = this.#times(false)
      scale(u, 1 / sigma)
      sigma = this.#times(true)
      if (sigma <= before * (1 + 2 ** -50)) break
    }
    // u is a unit vector and v = uᴴB: u·v is the projection of B, and the two share its size.
    const share = Math.sqrt(sigma)
    scale(u, share)
    scale(v, 1 / share)
  }

  /** v = uᴴB, or u = B·vᴴ; gives the norm. */
  #times(adjoint: boolean): number {
    const { rows, cols, u, v } = this
    const [re, im] = [this.#re, this.#im]
    const [from, to] = adjoint ? [u, v] : [v, u]
    to.re.fill(0)
    to.im.fill(0)
    for (let r = 0, e = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++, e++) {
        const [s, t] = adjoint ? [r, c] : [c, r]
        const [x, y] = [from.re[s]!, -from.im[s]!]
        to.re[t]! += re[e]! * x - im[e]! * y
        to.im[t]! += re[e]! * y + im[e]! * x
      }
    }
    let sum = 0
    for (let t = 0; t < to.re.length; t++) sum += to.re[t]! ** 2 + to.im[t]! ** 2
    return Math.sqrt(sum)
  }
}

function scale(x: { re: Float64Array; im: Float64Array }, factor: number): void {
  for (let t = 0; t < x.re.length; t++) {
    x.re[t]! *= factor
    x.im[t]! *= factor
  }
}

/** A level kept as two entries in each row, as the 2 × 2 matrices of its pairs. */
function planes(X: Entries, n: number, s: number): ButterflyFactor {
  const half = n / 2
  const split = (x: Float64Array): Float64Array => {
    const out = new Float64Array(2 * n)
    for (let p = 0; p < half; p++) {
      const a = 2 * s * Math.floor(p / s) + (p % s)
      for (let t = 0; t < 4; t++) out[t * half + p] = x[2 * (a + (t >> 1) * s) + (t & 1)]!
    }
    return out
  }
  return X.im ? { re: split(X.re), im: split(X.im) } : { re: split(X.re) }
}
