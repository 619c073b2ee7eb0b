import { wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { integer, readOptions, seed as seedOption, withDefault } from '../linalg/options.js'
import { STREAM } from '../linalg/random.js'
import { addSparseAdjointSteps, sparseProductSteps } from '../linalg/operators/sparse.js'
import type { SparseRows } from '../linalg/operators/sparse.js'
import { breath, wait } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { fillSigns } from './signs.js'
import { sketchFromSteps, sketchShape } from './sketch.js'
import type { Sketch, SketchOptions, SketchSteps } from './sketch.js'
import { subsets } from './subset.js'

/** How many nonzeros `sparseSign` puts into a column. */
export interface SparseSignOptions extends SketchOptions {
  /** Nonzeros of a column, at most d of them. Default 8. */
  readonly nnzPerColumn?: number | undefined
}

/** Nonzeros that are made at a time, at least. */
const PIECE = 2 ** 15

/**
 * A sparse sign sketch: each column holds z = min(nnzPerColumn, d) entries ±√(1/z) in distinct rows.
 *
 * @param shape - [d, n], integers >= 1.
 * @param options - `seed`, default 0; `nnzPerColumn`, default 8. Column j is a function of (seed, d, z, j) alone.
 * @returns a `Sketch`, never held: the nonzeros of some columns at a time are made, used and forgotten.
 * @throws ShapeError for sides that are no integers >= 1; OptionError.
 * Cost of S·X with k columns: 2znk flops. Memory: about 4d columns' nonzeros, the answer.
 * Distortion of a subspace of dimension r: in practice that of `gaussian` from z = 8 on, d = 2r … 4r; proved
 * for z = O(log(r)/ε), d = O(r·log(r)/ε²). The variance of ‖Sx‖² is at most 2‖x‖⁴/d.
 * Source: Kane, Nelson 2014, "Sparser Johnson-Lindenstrauss transforms"; Cohen 2016, "Nearly tight oblivious
 * subspace embeddings by trace inequalities".
 *
 * @example
 * ```ts
 * import { random, sparseSign } from 'lowrank'
 * const S = sparseSign([40, 5000], { nnzPerColumn: 4 })
 * S.matmat(random.normal([5000, 10]))   // 40 × 10
 * ```
 */
export function sparseSign(shape: readonly [number, number], options?: SparseSignOptions): Sketch {
  const sides = sketchShape(shape, 'sparseSign')
  const { seed, nnzPerColumn } = readOptions('sparseSign', options, {
    seed: seedOption,
    nnzPerColumn: withDefault(integer(1), 8),
  })
  return sparseSketch(sides, seed, Math.min(nnzPerColumn, sides[0]))
}

/**
 * A CountSketch: each column holds one entry ±1 in a random row. The cheapest sketch there is, and the one
 * that needs most rows: two heavy rows of X that fall together are lost.
 *
 * @param shape - [d, n], integers >= 1.
 * @param options - `seed`, default 0. The same matrix as `sparseSign` with `nnzPerColumn: 1`.
 * @returns a `Sketch`, never held.
 * @throws ShapeError for sides that are no integers >= 1; OptionError.
 * Cost of S·X with k columns: nk additions. Distortion of a subspace of dimension r: at most ε with probability
 * 1 − δ for d = (r² + r)/(δ·ε²). The variance of ‖Sx‖² is 2(‖x‖⁴ − Σxⱼ⁴)/d.
 * Source: Charikar, Chen, Farach-Colton 2002, "Finding frequent items in data streams"; Clarkson, Woodruff 2013,
 * "Low rank approximation and regression in input sparsity time".
 *
 * @example
 * ```ts
 * import { countSketch, eye } from 'lowrank'
 * countSketch([3, 5]).matmat(eye(5))   // one ±1 in each column
 * ```
 */
export function countSketch(shape: readonly [number, number], options?: SketchOptions): Sketch {
  const sides = sketchShape(shape, 'countSketch')
  const { seed } = readOptions('countSketch', options, { seed: seedOption })
  return sparseSketch(sides, seed, 1)
}

function sparseSketch([d, n]: readonly [number, number], seed: number, z: number): Sketch {
  // Enough columns that adding up their d × k answers costs little beside making these.
  const block = Math.min(n, Math.max(4 * d, Math.ceil(PIECE / z)))
  const columns = columnMaker(d, z, seed)
  const together = function* (Xs: readonly Matrix[]): Steps<Matrix[]> {
    const sums = Xs.map((X) => wrap(new Float64Array(d * X.shape[1]!), d, X.shape[1]!))
    for (let j = 0; j < n; j += block) {
      const St = columns(j, Math.min(n, j + block))
      yield* breath()
      for (const [t, X] of Xs.entries()) {
        const [k, rows] = [X.shape[1]!, St.shape[0]]
        yield* addSparseAdjointSteps(St, wrap(X.data.subarray(j * k, (j + rows) * k), rows, k), sums[t]!)
      }
    }
    return sums
  }
  const steps: SketchSteps = {
    *matmat(X) {
      return (yield* together([X]))[0]!
    },
    together,
    rmatmat: (Y) => adjointSteps(columns, n, block, Y),
    frobeniusNorm: () => wait(Math.sqrt(n)),
    entries(i0, i1, j0, j1, out) {
      out.fill(0)
      const { indices, values } = columns(j0, j1)
      for (let e = 0; e < indices.length; e++) {
        const i = indices[e]!
        if (i >= i0 && i < i1) out[(i - i0) * (j1 - j0) + Math.floor(e / z)] = values[e]!
      }
    },
  }
  return sketchFromSteps([d, n], steps, { kind: 'sparse', adjoint: () => columns(0, n) })
}

function* adjointSteps(
  columns: (j0: number, j1: number) => SparseRows,
  n: number,
  block: number,
  Y: Matrix,
): Steps<Matrix> {
  const k = Y.shape[1]!
  const StY = new Float64Array(n * k)
  for (let j = 0; j < n; j += block) {
    const St = columns(j, Math.min(n, j + block))
    yield* breath()
    StY.set((yield* sparseProductSteps(St, Y)).data, j * k)
  }
  return wrap(StY, n, k)
}

/** Columns [j0, j1) of S as the compressed rows of Sᵀ. */
function columnMaker(d: number, z: number, seed: number): (j0: number, j1: number) => SparseRows {
  const size = 1 / Math.sqrt(z)
  const draw = subsets(z, d, seed, STREAM.sparseRows)
  return (j0, j1) => {
    const count = j1 - j0
    const indices = new Int32Array(count * z)
    const values = new Float64Array(count * z)
    for (let t = 0; t < count; t++) draw(j0 + t, indices, t * z)
    fillSigns(values, { seed, stream: STREAM.sparseSigns, i0: j0, i1: j1, j0: 0, j1: z }, size)
    const pointers = new Int32Array(count + 1)
    for (let t = 0; t <= count; t++) pointers[t] = t * z
    return { shape: [count, d], pointers, indices, values }
  }
}
