import type { Matrix } from '../../linalg/arrays.js'
import { operatorFromSteps } from '../../linalg/operators.js'
import type { AsyncLinearOperator, LinearOperator, ProductSteps, Shape } from '../../linalg/operators.js'
import type { SketchForm } from '../../linalg/operators/sketchform.js'
import { runAsync } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import type { Block, Engine, Limits } from '../engines/engine.js'
import { columnsSteps, diagonalSteps, gramSteps, rowNormsSteps, rowsSteps } from './entries.js'
import type { Held } from './held.js'
import { SINGLE } from './operand.js'
import { sketchedSteps } from './sketched.js'
import { subspaceSteps } from './subspace.js'
import { sweepSteps } from './sweep.js'
import type { Range } from './sweep.js'

/** One block of the grid that a matrix is cut into. */
export interface Cell {
  readonly rows: Range
  readonly cols: Range
  readonly block: Block
}

/** A matrix on the device: A = 2^scale · what lies there. */
export interface Grid {
  readonly cells: readonly Cell[]
  readonly scale: number
  readonly limits: Limits
  /** ‖A‖_F */
  readonly norm: number
  /** Whether AᵀA·X can stay on the device: each block has whole rows. */
  readonly chained: boolean
  /** Whether subspace iteration can: there is one block, and the device is faster than the host. */
  readonly iterated: boolean
}

type Iteration = [Y: Matrix, iterations: number, mean?: Float64Array]

/**
 * A matrix that lies on the device in float32: an async operator, so every method of the library takes it.
 * `X` and `Y` are float64 on the host; they are rounded to float32 for the product, and answers come back as
 * float64. All are scaled by powers of two on the way, so no magnitude of float64 is out of range.
 */
export class GpuMatrix implements AsyncLinearOperator {
  readonly async = true
  /** Products are float32's. */
  readonly precision = SINGLE
  readonly steps: ProductSteps
  /** AᵀA·X, n × k of n × k, without A·X leaving the device; where the backend can. */
  readonly normal?: (X: Matrix) => Promise<Matrix>
  /**
   * Columns with the range of (C·Cᵀ)^q·Y, m × k of m × k, C = A − 1·meanᵀ or A, made without leaving the device; where A is
   * one block on webgpu. Not orthonormal; directions below the rounding of float32 are noise.
   */
  readonly subspace?: (...given: Iteration) => Promise<Matrix>
  /** The float64 copy on the host, where one is kept. */
  readonly exact?: LinearOperator
  private readonly products: AsyncLinearOperator

  /** @internal made by `gpu.matrix` */
  constructor(
    readonly shape: Shape,
    private readonly grid: Grid,
    private readonly held: Held,
    exact: LinearOperator | undefined,
  ) {
    this.steps = {
      matmat: (X) => gridProduct(held, grid, shape, X, false),
      rmatmat: (Y) => gridProduct(held, grid, shape, Y, true),
      columns: (J) => held.use('columns', (lease) => columnsSteps(grid, shape, J, lease)),
      rows: (I) => held.use('rows', (lease) => rowsSteps(grid, shape, I, lease)),
      diagonal: () => held.use('diagonal', (lease) => diagonalSteps(grid, shape, lease)),
      sketched: (form, adjoint) =>
        held.use('sketched', (lease) => sketchedSteps(lease, grid, shape, form, adjoint)),
      ...(grid.chained ? { normal: (X: Matrix) => this.normalProduct(X) } : {}),
      ...(grid.iterated ? { subspace: (...given: Iteration) => this.iteration(...given) } : {}),
    }
    if (exact) this.exact = exact
    this.products = operatorFromSteps(shape, true, this.steps, this.precision) as AsyncLinearOperator
    if (grid.chained) this.normal = async (X) => this.products.normal!(X)
    if (grid.iterated) this.subspace = async (...given) => this.products.subspace!(...given)
  }

  /** A·X, m × k of n × k. Rejects with DisposedError, GpuLostError, GpuMemoryError, ShapeError, NotFiniteError. */
  async matmat(X: Matrix): Promise<Matrix> {
    return this.products.matmat(X)
  }

  /** Aᵀ·Y, n × k of m × k. Rejects as `matmat` does. */
  async rmatmat(Y: Matrix): Promise<Matrix> {
    return this.products.rmatmat(Y)
  }

  /**
   * The columns J, m × |J|, in float32: gathered on the device, so that |J| numbers go up and m·|J| come down. Rejects as
   * `matmat` does; ShapeError for what is no index.
   *
   * @example
   * ```ts
   * import { openGpu } from 'lowrank/gpu'
   * const gpu = await openGpu({ backend: 'webasm' })
   * const A = await gpu.matrix([[1, 2, 3], [4, 5, 6]])
   * await A.columns(Int32Array.of(2, 0))   // [[3, 1], [6, 4]]
   * await A.rows(Int32Array.of(1))         // [[4, 5, 6]]
   * await A.diagonal()                     // 1, 5
   * gpu.dispose()
   * ```
   */
  async columns(J: Int32Array): Promise<Matrix> {
    return this.products.columns!(J)
  }

  /** The rows I, |I| × n, as `columns`. */
  async rows(I: Int32Array): Promise<Matrix> {
    return this.products.rows!(I)
  }

  /** The main diagonal, min(m, n) numbers. */
  async diagonal(): Promise<Float64Array> {
    return this.products.diagonal!()
  }

  /**
   * AᵀA, n × n, in 2·m·n² flops on the device; n² numbers come down (for each block of rows, where A is split). Its
   * rounding is float32's of the largest entry, so eigenvalues below 2⁻²³ of the largest are lost. Rejects as `matmat`
   * does; NotFiniteError where it is beyond float64.
   *
   * @example
   * ```ts
   * import { openGpu } from 'lowrank/gpu'
   * const gpu = await openGpu({ backend: 'webasm' })
   * const A = await gpu.matrix([[1, 2], [3, 4]])
   * await A.gram()       // [[10, 14], [14, 20]]
   * await A.rowNorms()   // √5, 5
   * gpu.dispose()
   * ```
   */
  async gram(): Promise<Matrix> {
    return runAsync(this.held.use('gram', (lease) => gramSteps(this.grid, this.shape, lease)))
  }

  /** The norm of each row, m numbers, from sums of squares in blocks; each row has a scale of its own. */
  async rowNorms(): Promise<Float64Array> {
    return runAsync(this.held.use('rowNorms', (lease) => rowNormsSteps(this.grid, this.shape, lease)))
  }

  /**
   * S·A, d × n, for the sketch S of this form (`S.form`); S·Aᵀ where `adjoint`. S is made on the device, as `gpu.sketch` makes
   * it, and goes when it has been used; nothing but what it is made of and the answer crosses. Rejects as `matmat` does.
   */
  async sketched(form: SketchForm, adjoint = false): Promise<Matrix> {
    return this.products.sketched!(form, adjoint)
  }

  /** ‖A‖_F of the float64 entries, taken at the upload. */
  frobeniusNorm(): number {
    return this.grid.norm
  }

  /** Frees the memory on the device, after the products that are running. Further products reject. */
  dispose(): void {
    this.held.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private iteration(...[Y, q, mean]: Iteration): Steps<Matrix> {
    const { cells, limits, scale } = this.grid
    const iterated = { block: cells[0]!.block, scale, limits, products: this.steps }
    return this.held.use('subspace', (lease) => subspaceSteps(lease, iterated, Y, q, mean))
  }

  private normalProduct(X: Matrix): Steps<Matrix> {
    const { cells, limits, scale: once } = this.grid
    const [fn, rows, scale] = ['normal', this.shape[1], 2 * once]
    const all = { start: 0, count: rows }
    const parts = cells.map(({ block }) => ({
      inner: all,
      outer: all,
      multiply: (engine: Engine, data: Float32Array, k: number) => engine.normal!(block, data, k),
    }))
    return this.held.use(fn, (lease) =>
      sweepSteps(lease, { fn, argument: 'X', X, rows, scale, limits, parts }),
    )
  }
}

/** A·X, or Aᵀ·X where `transposed`, of what lies in the cells of a grid. */
export function gridProduct(
  held: Held,
  { cells, scale, limits }: Pick<Grid, 'cells' | 'scale' | 'limits'>,
  shape: Shape,
  X: Matrix,
  transposed: boolean,
): Steps<Matrix> {
  const [fn, argument, rows] = transposed
    ? (['rmatmat', 'Y', shape[1]] as const)
    : (['matmat', 'X', shape[0]] as const)
  const parts = cells.map(({ rows, cols, block }) => ({
    inner: transposed ? rows : cols,
    outer: transposed ? cols : rows,
    multiply: (engine: Engine, data: Float32Array, k: number) => engine.multiply(block, transposed, data, k),
  }))
  return held.use(fn, (lease) => sweepSteps(lease, { fn, argument, X, rows, scale, limits, parts }))
}
