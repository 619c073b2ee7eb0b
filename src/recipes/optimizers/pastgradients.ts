import { emptyMatrix, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { NotFiniteError } from '../../linalg/errors.js'
import { solveTriangularSteps } from '../../linalg/dense/solvetriangular.js'
import { breath } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { dampedFactorSteps } from '../../factorize/curvature/mfac.js'

// A sliding window of gradients as a value: what `mfacWindow` is as a thing. A newer window has the rows of the older
// one in common with it, so a step copies k pointers and k² products, and no gradient but the new one.

/** The last gradients, oldest first, and their products GGᵀ. */
export interface PastGradients {
  readonly rows: readonly Float64Array[]
  readonly products: Matrix
}

export const noGradients: PastGradients = Object.freeze({ rows: [], products: emptyMatrix(0, 0) })

/** The window with g, which is now the window's, as its newest; the oldest goes where there are `capacity` of them. */
export function* rememberedSteps(
  { rows: past, products }: PastGradients,
  g: Float64Array,
  capacity: number,
  { fn, argument }: { fn: string; argument: string },
): Steps<PastGradients> {
  const gone = past.length === capacity ? 1 : 0
  const rows = [...past.slice(gone), g]
  const k = rows.length
  const out = new Float64Array(k * k)
  const before = past.length
  for (let i = 0; i < k - 1; i++) {
    const from = (i + gone) * before + gone
    out.set(products.data.subarray(from, from + k - 1), i * k)
  }
  for (let i = 0; i < k; i++) {
    out[i * k + k - 1] = out[(k - 1) * k + i] = dot(rows[i]!, g)
    yield* breath()
  }
  const worst = out[k * k - 1]!
  if (Number.isFinite(worst)) return { rows, products: wrap(out, k, k) }
  throw new NotFiniteError({ fn, argument: `${argument}, whose squares overflow`, value: worst, index: [] })
}

/**
 * (σI + GᵀG)⁻¹·g for the newest gradient g, which is Gᵀ·(σI + GGᵀ)⁻¹·e: one solve with k × k and one reading of G, and
 * nothing cancels.
 */
export function* preconditionedSteps(
  fn: string,
  { rows, products }: PastGradients,
  sigma: number,
): Steps<Float64Array> {
  const k = rows.length
  const L = yield* dampedFactorSteps(fn, wrap(products.data.slice(), k, k), sigma / k)
  const newest = new Float64Array(k)
  newest[k - 1] = 1
  const half = (yield* solveTriangularSteps(L, newest)) as Float64Array
  const c = (yield* solveTriangularSteps(L, half, { trans: true })) as Float64Array
  const out = new Float64Array(rows[0]!.length)
  for (let i = 0; i < k; i++) {
    const [row, factor] = [rows[i]!, c[i]!]
    for (let j = 0; j < out.length; j++) out[j]! += factor * row[j]!
    yield* breath()
  }
  return out
}

/** Four sums, so that one does not wait for the other. */
function dot(x: Float64Array, y: Float64Array): number {
  let [a, b, c, d] = [0, 0, 0, 0]
  let j = 0
  for (; j + 3 < x.length; j += 4) {
    a += x[j]! * y[j]!
    b += x[j + 1]! * y[j + 1]!
    c += x[j + 2]! * y[j + 2]!
    d += x[j + 3]! * y[j + 3]!
  }
  for (; j < x.length; j++) a += x[j]! * y[j]!
  return a + b + (c + d)
}
