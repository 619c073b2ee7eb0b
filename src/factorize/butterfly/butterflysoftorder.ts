import { STREAM, uniformBlock } from '../../linalg/random.js'
import type { Choice } from './butterflyorder.js'

/**
 * An order between orders: for each size of block, from n points down to 4, a mixture of the points as they are and (a) the
 * evens before the odds, then of each half and (b), (c) its reverse, with the same three weights for all sizes (Dao et al.
 * 2019, section 3.2).
 */
export class SoftOrder {
  /** The weights are the logistic function of these. */
  readonly logits: Float64Array
  /** What each stage was given. */
  readonly #given: Float64Array[] = []
  readonly #stages: { weight: number; from: Int32Array; moved: (i: number) => boolean }[] = []

  constructor(
    readonly n: number,
    seed: number,
  ) {
    const u = uniformBlock({ seed, stream: STREAM.butterflyOrder, i0: 0, i1: 1, j0: 0, j1: 3 })
    this.logits = u.map((x) => x - 0.5)
    for (let size = n; size >= 4; size /= 2) {
      const half = size / 2
      const within = (f: (i: number) => number): Int32Array =>
        Int32Array.from({ length: n }, (_, i) => i - (i % size) + f(i % size))
      this.#stages.push(
        { weight: 0, from: within((i) => (i < half ? 2 * i : 2 * (i - half) + 1)), moved: () => true },
        { weight: 1, from: within((i) => (i < half ? half - 1 - i : i)), moved: (i) => i % size < half },
        {
          weight: 2,
          from: within((i) => (i < half ? i : size + half - 1 - i)),
          moved: (i) => i % size >= half,
        },
      )
    }
  }

  /** The identity in this order, n × n. */
  forward(X: Float64Array): void {
    const { n } = this
    X.fill(0)
    for (let i = 0; i < n; i++) X[i * (n + 1)] = 1
    const weights = this.logits.map(logistic)
    this.#stages.forEach(({ weight, from, moved }, t) => {
      const given = X.slice()
      this.#given[t] = given
      const w = weights[weight]!
      for (let i = 0; i < n; i++) {
        if (!moved(i)) continue
        for (let j = 0; j < n; j++) X[i * n + j] = (1 - w) * given[i * n + j]! + w * given[from[i]! * n + j]!
      }
    })
  }

  /** The derivative by the logits from that by the result. */
  backward(g: Float64Array): Float64Array {
    const { n } = this
    const weights = this.logits.map(logistic)
    const d = new Float64Array(3)
    let now = g
    for (let t = this.#stages.length - 1; t >= 0; t--) {
      const { weight, from, moved } = this.#stages[t]!
      const given = this.#given[t]!
      const w = weights[weight]!
      const next = new Float64Array(n * n)
      for (let i = 0; i < n; i++) {
        const [row, source] = [i * n, from[i]! * n]
        for (let j = 0; j < n; j++) {
          const x = now[row + j]!
          if (!moved(i)) {
            next[row + j]! += x
            continue
          }
          d[weight]! += x * (given[source + j]! - given[row + j]!) * w * (1 - w)
          next[row + j]! += (1 - w) * x
          next[source + j]! += w * x
        }
      }
      now = next
    }
    return d
  }

  choice(): Choice {
    const [a, b, c] = Array.from(this.logits, (x) => x > 0) as [boolean, boolean, boolean]
    return { a, b, c }
  }
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))
