import { report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { randomLevels } from './butterflylevels.js'
import type { Target } from './butterflyfactorize.js'
import type { ButterflyFactor } from './butterflyoperator.js'
import { sharedOrder } from './butterflyorder.js'
import { SoftOrder } from './butterflysoftorder.js'

// Levels by Adam on the mean squared error of all entries (Dao et al. 2019, section 4.1): the product is applied to the
// identity, and the derivative goes back through the levels.

export interface DescentPlan {
  readonly complex: boolean
  readonly rmse: number
  readonly maxIterations: number
  readonly restarts: number
  readonly rate: number
  readonly seed: number
}

export interface Descent {
  readonly factors: readonly ButterflyFactor[]
  readonly permutation: Int32Array
  readonly iterations: number
}

/** Complex numbers in two planes. */
interface Planes {
  readonly re: Float64Array
  readonly im: Float64Array
}

const planes = (size: number): Planes => ({ re: new Float64Array(size), im: new Float64Array(size) })

/** The best of some random starts; the first that comes to the goal. Without a permutation it is learned. */
export function* gradientSteps(
  fn: string,
  target: Target,
  permutation: Int32Array | undefined,
  plan: DescentPlan,
): Steps<Descent> {
  const { n, norm } = target
  // Errors are measured where A has the norm of an orthogonal matrix.
  const size = norm === 0 ? 1 : Math.sqrt(n) / norm
  const M = { re: target.re.map((x) => x * size), im: target.im?.map((x) => x * size) }
  let best: { fit: Omit<Descent, 'iterations'>; rmse: number } | undefined
  let iterations = 0
  for (let start = 0; start < plan.restarts; start++) {
    const run = new Run(n, M, permutation, plan, plan.seed * plan.restarts + start)
    let rmse = Infinity
    for (let step = 0; step < plan.maxIterations && rmse > plan.rmse; step++) {
      yield* report(fn, 'gradient', start * plan.maxIterations + step, plan.restarts * plan.maxIterations)
      rmse = run.step(step)
      iterations++
    }
    if (best === undefined || run.rmse < best.rmse) best = { fit: run.result(1 / size), rmse: run.rmse }
    if (best.rmse <= plan.rmse) break
  }
  yield* report(fn, 'gradient', 1, 1)
  return { ...best!.fit, iterations }
}

/** Below this the steps become ten times smaller. */
const NEAR = 1e-2
/** Until the learned order is as good as this, or for half of the steps, it stays soft. */
const SETTLED = 0.05

class Run {
  rmse = Infinity
  readonly #L: number
  readonly #levels: Planes[]
  readonly #adam: Adam
  /** The input of each level, and the output of the last one. */
  readonly #X: Planes[]
  #soft: SoftOrder | undefined
  #permutation: Int32Array

  constructor(
    readonly n: number,
    readonly M: { re: Float64Array; im: Float64Array | undefined },
    permutation: Int32Array | undefined,
    readonly plan: DescentPlan,
    seed: number,
  ) {
    this.#L = Math.log2(n)
    const complex = plan.complex || M.im !== undefined
    this.#levels = randomLevels(n, complex, seed).map(({ re, im }) => ({
      re,
      im: im ?? new Float64Array(2 * n),
    }))
    this.#X = Array.from({ length: this.#L + 1 }, () => planes(n * n))
    this.#permutation = permutation ?? Int32Array.from({ length: n }, (_, i) => i)
    if (permutation === undefined) this.#soft = new SoftOrder(n, seed)
    const parameters = this.#levels.flatMap(({ re, im }) => (complex ? [re, im] : [re]))
    this.#adam = new Adam(this.#soft ? [...parameters, this.#soft.logits] : parameters)
    this.#setIdentity()
  }

  /** One step; gives the error before it. */
  step(index: number): number {
    const { n, M, plan } = this
    if (this.#soft && (this.rmse < SETTLED || 2 * index >= plan.maxIterations)) this.#harden()
    const X = this.#X
    if (this.#soft) this.#soft.forward(X[0]!.re)
    this.#levels.forEach((T, l) => forward(n, 2 ** l, T, X[l]!, X[l + 1]!))
    const out = X[this.#L]!
    let g = planes(n * n)
    let sum = 0
    for (let e = 0; e < n * n; e++) {
      g.re[e] = out.re[e]! - M.re[e]!
      if (M.im) g.im[e] = out.im[e]! - M.im[e]!
      sum += g.re[e]! ** 2 + g.im[e]! ** 2
    }
    this.rmse = Math.sqrt(sum) / n
    if (this.rmse <= plan.rmse) return this.rmse
    const gradients: Float64Array[][] = []
    for (let l = this.#L - 1; l >= 0; l--) {
      const dT = planes(2 * n)
      g = backward(n, 2 ** l, this.#levels[l]!, X[l]!, g, dT)
      gradients.unshift([dT.re, dT.im])
    }
    const complex = plan.complex || M.im !== undefined
    const flat = gradients.flatMap(([re, im]) => (complex ? [re!, im!] : [re!]))
    if (this.#soft) flat.push(this.#soft.backward(g.re))
    this.#adam.step(flat, plan.rate * (this.rmse < NEAR ? 0.1 : 1))
    return this.rmse
  }

  /** The levels for A itself. */
  result(size: number): Omit<Descent, 'iterations'> {
    if (this.#soft) this.#harden()
    const complex = this.plan.complex || this.M.im !== undefined
    const factors = this.#levels.map(({ re, im }, l) => {
      const by = l === this.#L - 1 ? size : 1
      const scaled = re.map((x) => x * by)
      return complex ? { re: scaled, im: im.map((x) => x * by) } : { re: scaled }
    })
    return { factors, permutation: this.#permutation }
  }

  /** The soft order becomes the one that it is nearest to. */
  #harden(): void {
    this.#permutation = sharedOrder(this.#L, this.#soft!.choice())
    this.#soft = undefined
    this.#setIdentity()
  }

  /** The columns of the identity in the order of the butterfly. */
  #setIdentity(): void {
    const { re } = this.#X[0]!
    re.fill(0)
    this.#permutation.forEach((j, i) => (re[i * this.n + j] = 1))
  }
}

/** Y = level·X, n columns at once. */
function forward(n: number, s: number, T: Planes, X: Planes, Y: Planes): void {
  const half = n / 2
  for (let p = 0; p < half; p++) {
    const a = n * (2 * s * Math.floor(p / s) + (p % s))
    const b = a + n * s
    for (let r = 0; r < 2; r++) {
      const [u, v] = [2 * r * half + p, (2 * r + 1) * half + p]
      const [ur, ui, vr, vi] = [T.re[u]!, T.im[u]!, T.re[v]!, T.im[v]!]
      const to = r === 0 ? a : b
      for (let c = 0; c < n; c++) {
        const [xr, xi, yr, yi] = [X.re[a + c]!, X.im[a + c]!, X.re[b + c]!, X.im[b + c]!]
        Y.re[to + c] = ur * xr - ui * xi + vr * yr - vi * yi
        Y.im[to + c] = ur * xi + ui * xr + vr * yi + vi * yr
      }
    }
  }
}

/** The derivative by X from that by Y, and that by the level, added to dT. */
function backward(n: number, s: number, T: Planes, X: Planes, g: Planes, dT: Planes): Planes {
  const half = n / 2
  const dX = planes(n * n)
  for (let p = 0; p < half; p++) {
    const a = n * (2 * s * Math.floor(p / s) + (p % s))
    for (let r = 0; r < 2; r++) {
      for (let t = 0; t < 2; t++) {
        const w = (2 * r + t) * half + p
        const [tr, ti] = [T.re[w]!, T.im[w]!]
        const [from, at] = [a + r * n * s, a + t * n * s]
        let [dr, di] = [0, 0]
        for (let c = 0; c < n; c++) {
          const [gr, gi, xr, xi] = [g.re[from + c]!, g.im[from + c]!, X.re[at + c]!, X.im[at + c]!]
          dr += gr * xr + gi * xi
          di += gi * xr - gr * xi
          dX.re[at + c]! += tr * gr + ti * gi
          dX.im[at + c]! += tr * gi - ti * gr
        }
        dT.re[w]! += dr
        dT.im[w]! += di
      }
    }
  }
  return dX
}

/** Adam (Kingma and Ba 2015) on several arrays of numbers, each number by itself. */
class Adam {
  readonly #first: Float64Array[]
  readonly #second: Float64Array[]
  #t = 0

  constructor(readonly parameters: readonly Float64Array[]) {
    this.#first = parameters.map((x) => new Float64Array(x.length))
    this.#second = parameters.map((x) => new Float64Array(x.length))
  }

  step(gradients: readonly Float64Array[], rate: number): void {
    this.#t++
    const [b1, b2] = [0.9, 0.999]
    const [c1, c2] = [1 - b1 ** this.#t, 1 - b2 ** this.#t]
    gradients.forEach((g, i) => {
      const [x, m, v] = [this.parameters[i]!, this.#first[i]!, this.#second[i]!]
      for (let e = 0; e < g.length; e++) {
        m[e] = b1 * m[e]! + (1 - b1) * g[e]!
        v[e] = b2 * v[e]! + (1 - b2) * g[e]! * g[e]!
        x[e]! -= (rate * m[e]!) / c1 / (Math.sqrt(v[e]! / c2) + 1e-8)
      }
    })
  }
}
