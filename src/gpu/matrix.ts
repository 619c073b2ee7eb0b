import { checkFinite, contiguous, dense, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { DisposedError, NotFiniteError } from '../linalg/errors.js'
import { operatorFromSteps } from '../linalg/operators.js'
import type { AsyncLinearOperator, ProductSteps, Shape } from '../linalg/operators.js'
import { wait } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { paddedTo4 } from './engine.js'
import type { Block, Engine, Limits } from './engine.js'
import { addScaled, columnExponents, packColumns } from './scale.js'

/** A device that lives until `release`. */
export interface Lease {
  /** Runs work on it; errors come sorted. */
  run<T>(work: (engine: Engine) => Promise<T>): Promise<T>
  release(): void
}

/** Leases the device on behalf of a function, or throws. */
export type Borrow = (fn: string) => Lease

/** Some of the rows or columns of a matrix. */
interface Range {
  readonly start: number
  readonly count: number
}

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
}

/** Rows `inner` of X go to the device, and what comes back belongs to the rows `outer` of the answer. */
interface Part {
  readonly inner: Range
  readonly outer: Range
  multiply(engine: Engine, data: Float32Array, k: number): Promise<Float32Array>
}

/**
 * A matrix that lies on the device in float32: an async operator, so every method of the library takes it.
 * `X` and `Y` are float64 on the host; they are rounded to float32 for the product, and answers come back as
 * float64. All are scaled by powers of two on the way, so no magnitude of float64 is out of range.
 */
export class GpuMatrix implements AsyncLinearOperator {
  readonly async = true
  /** Products are float32's. */
  readonly precision = 2 ** -23
  readonly steps: ProductSteps
  /** AᵀA·X, n × k of n × k, without A·X leaving the device; where the backend can. */
  readonly normal?: (X: Matrix) => Promise<Matrix>
  private readonly products: AsyncLinearOperator
  private running = 0
  private disposed = false

  /** @internal made by `gpu.matrix` */
  constructor(
    readonly shape: Shape,
    private readonly grid: Grid,
    private readonly borrow: Borrow,
    private readonly forget: (matrix: GpuMatrix) => void,
  ) {
    this.steps = {
      matmat: (X) => this.product(X, false),
      rmatmat: (Y) => this.product(Y, true),
      ...(grid.chained ? { normal: (X: Matrix) => this.normalProduct(X) } : {}),
    }
    this.products = operatorFromSteps(shape, true, this.steps, this.precision) as AsyncLinearOperator
    if (grid.chained) this.normal = async (X) => this.products.normal!(X)
  }

  /** A·X, m × k of n × k. Rejects with DisposedError, GpuLostError, GpuMemoryError, ShapeError, NotFiniteError. */
  async matmat(X: Matrix): Promise<Matrix> {
    return this.products.matmat(X)
  }

  /** Aᵀ·Y, n × k of m × k. Rejects as `matmat` does. */
  async rmatmat(Y: Matrix): Promise<Matrix> {
    return this.products.rmatmat(Y)
  }

  /** ‖A‖_F of the float64 entries, taken at the upload. */
  frobeniusNorm(): number {
    return this.grid.norm
  }

  /** Frees the memory on the device, after the products that are running. Further products reject. */
  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    this.forget(this)
    if (this.running === 0) this.free()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private free(): void {
    for (const { block } of this.grid.cells) block.free()
  }

  private product(X: Matrix, transposed: boolean): Steps<Matrix> {
    const [fn, argument, rows] = transposed
      ? (['rmatmat', 'Y', this.shape[1]] as const)
      : (['matmat', 'X', this.shape[0]] as const)
    const parts = this.grid.cells.map(({ rows, cols, block }) => ({
      inner: transposed ? rows : cols,
      outer: transposed ? cols : rows,
      multiply: (engine: Engine, data: Float32Array, k: number) =>
        engine.multiply(block, transposed, data, k),
    }))
    return this.sweep(fn, argument, X, rows, this.grid.scale, parts)
  }

  private normalProduct(X: Matrix): Steps<Matrix> {
    const n = this.shape[1]
    const all = { start: 0, count: n }
    const parts = this.grid.cells.map(({ block }) => ({
      inner: all,
      outer: all,
      multiply: (engine: Engine, data: Float32Array, k: number) => engine.normal!(block, data, k),
    }))
    return this.sweep('normal', 'X', X, n, 2 * this.grid.scale, parts)
  }

  /** The sum of the parts, each times 2^scale, added in float64. The matrix and its device live until the end. */
  private *sweep(
    fn: string,
    argument: string,
    given: Matrix,
    rows: number,
    scale: number,
    parts: readonly Part[],
  ): Steps<Matrix> {
    if (this.disposed) throw new DisposedError(fn, 'the matrix on the GPU')
    checkFinite(dense(given), fn, argument)
    const X = contiguous(given)
    const columns = X.shape[1]!
    const out = wrap(new Float64Array(rows * columns), rows, columns)
    const lease = this.borrow(fn)
    this.running++
    try {
      const width = this.panelWidth()
      for (let first = 0; first < columns; first += width) {
        const exponents = columnExponents(X, first, Math.min(width, columns - first))
        for (const part of parts) {
          const { answer, k } = yield* wait(lease.run((engine) => run(engine, part, X, first, exponents)))
          if (!addScaled(answer, k, part.outer.count, exponents, scale, out, part.outer.start, first)) {
            throw notFinite(fn, out)
          }
        }
      }
      return out
    } finally {
      this.running--
      if (this.disposed && this.running === 0) this.free()
      lease.release()
    }
  }

  /** How many columns of X go at one time, such that neither X nor the answer is too large for the device. */
  private panelWidth(): number {
    const { cells, limits } = this.grid
    const longest = Math.max(4, ...cells.map(({ rows, cols }) => paddedTo4(Math.max(rows.count, cols.count))))
    const fitting = Math.min(limits.columns, limits.bytes / 4 / longest)
    return Math.max(4, 8 * Math.floor(fitting / 8))
  }
}

async function run(
  engine: Engine,
  { inner, multiply }: Part,
  X: Matrix,
  first: number,
  exponents: Int32Array,
): Promise<{ answer: Float32Array; k: number }> {
  const k = engine.paddedColumns(exponents.length)
  const data = new Float32Array(paddedTo4(inner.count) * k)
  packColumns(X, inner.start, inner.count, first, exponents, data, k)
  return { answer: await multiply(engine, data, k), k }
}

function notFinite(fn: string, out: Matrix): NotFiniteError {
  const at = out.data.findIndex((x) => !Number.isFinite(x))
  const cols = out.shape[1]!
  return new NotFiniteError({
    fn,
    argument: 'its answer',
    value: out.data[at]!,
    index: [Math.floor(at / cols), at % cols],
  })
}
