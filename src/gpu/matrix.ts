import { checkFinite, dense, wrap } from '../linalg/arrays.js'
import type { FloatArray, Matrix } from '../linalg/arrays.js'
import { DisposedError, NotFiniteError } from '../linalg/errors.js'
import { frobenius, maxAbs } from '../linalg/magnitude.js'
import { operatorFromSteps } from '../linalg/operators.js'
import type { AsyncLinearOperator, ProductSteps, Shape } from '../linalg/operators.js'
import { wait } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { paddedTo4 } from './engine.js'
import type { Block, Engine, Limits } from './engine.js'
import { GpuMemoryError } from './errors.js'
import { addScaled, columnExponents, exponent, packBlock, packColumns } from './scale.js'

/** Runs work on a device that lives as long as the work; errors come sorted. */
export type Use = <T>(fn: string, work: (engine: Engine) => Promise<T>) => Promise<T>

/** One block of the grid that a matrix is cut into. */
interface Cell {
  readonly row: number
  readonly rows: number
  readonly col: number
  readonly cols: number
  readonly block: Block
}

/**
 * A matrix that lies on the device in float32: an async operator, so every method of the library takes it.
 * `X` and `Y` are float64 on the host; they are rounded to float32 for the product, and answers come back as
 * float64. All are scaled by powers of two on the way, so no magnitude of float64 is out of range.
 */
export class GpuMatrix implements AsyncLinearOperator {
  readonly async = true
  readonly steps: ProductSteps
  private readonly products: AsyncLinearOperator
  private running = 0
  private disposed = false
  normal?: (X: Matrix) => Promise<Matrix>

  /** @internal made by `gpu.matrix` */
  constructor(
    readonly shape: Shape,
    private readonly cells: readonly Cell[],
    private readonly scale: number,
    private readonly norm: number,
    private readonly limits: Limits,
    private readonly use: Use,
    chained: boolean,
    private readonly forget: (matrix: GpuMatrix) => void,
  ) {
    this.steps = {
      matmat: (X) => this.product(X, false),
      rmatmat: (Y) => this.product(Y, true),
      ...(chained ? { normal: (X: Matrix) => this.normalSteps(X) } : {}),
    }
    this.products = operatorFromSteps(shape, true, this.steps) as AsyncLinearOperator
    if (chained) this.normal = async (X) => this.products.normal!(X)
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
    return this.norm
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
    for (const { block } of this.cells) block.free()
  }

  /** Keeps the blocks alive while `work` runs. */
  private async hold<T>(fn: string, work: (engine: Engine) => Promise<T>): Promise<T> {
    if (this.disposed) throw new DisposedError(fn, 'the matrix on the GPU')
    this.running++
    try {
      return await this.use(fn, work)
    } finally {
      this.running--
      if (this.disposed && this.running === 0) this.free()
    }
  }

  private *product(X: Matrix, transposed: boolean): Steps<Matrix> {
    const fn = transposed ? 'rmatmat' : 'matmat'
    const out = this.begin(X, transposed ? this.shape[1] : this.shape[0], fn, transposed ? 'Y' : 'X')
    for (const { j0, width } of this.panels(X.shape[1]!)) {
      const e = columnExponents(X, j0, width)
      for (const { row, rows, col, cols, block } of this.cells) {
        const [inner, answered] = transposed
          ? ([row, rows, col, cols] as const, [[row, rows], [col, cols]] as const)
          : ([[col, cols], [row, rows]] as const)
        yield* this.add(fn, X, inner!, j0, e, out, answered!, this.scale, (engine, data, k) =>
          engine.multiply(block, transposed, data, k),
        )
      }
    }
    return out
  }

  /** AᵀA·X: with whole rows in each block the sum runs over the blocks. */
  private *normalSteps(X: Matrix): Steps<Matrix> {
    const n = this.shape[1]
    const out = this.begin(X, n, 'normal', 'X')
    for (const { j0, width } of this.panels(X.shape[1]!)) {
      const e = columnExponents(X, j0, width)
      for (const { block } of this.cells) {
        yield* this.add('normal', X, [0, n], j0, e, out, [0, n], 2 * this.scale, (engine, data, k) =>
          engine.normal!(block, data, k),
        )
      }
    }
    return out
  }

  private begin(X: Matrix, rows: number, fn: string, argument: string): Matrix {
    if (this.disposed) throw new DisposedError(fn, 'the matrix on the GPU')
    checkFinite(dense(X), fn, argument)
    const k = X.shape[1]!
    return wrap(new Float64Array(rows * k), rows, k)
  }

  /** Column panels such that neither thin operand is too large for the device. */
  private *panels(k: number): Generator<{ j0: number; width: number }> {
    if (this.cells.length === 0) return
    const longest = Math.max(...this.cells.map(({ rows, cols }) => paddedTo4(Math.max(rows, cols))))
    const fitting = Math.floor(this.limits.bytes / 4 / longest)
    const widest = Math.max(4, Math.min(this.limits.columns, fitting) & ~7)
    for (let j0 = 0; j0 < k; j0 += widest) yield { j0, width: Math.min(widest, k - j0) }
  }

  /** Hands rows `inner` of a panel of X over, and adds what comes back to the rows `answered`. */
  private *add(
    fn: string,
    X: Matrix,
    inner: readonly [number, number],
    j0: number,
    e: Int32Array,
    out: Matrix,
    answered: readonly [number, number],
    shift: number,
    multiply: (engine: Engine, data: Float32Array, k: number) => Promise<Float32Array>,
  ): Steps<void> {
    let k = 0
    const answer = yield* wait(
      this.hold(fn, (engine) => {
        k = engine.paddedColumns(e.length)
        const data = new Float32Array(paddedTo4(inner[1]) * k)
        packColumns(X, inner, j0, e, data, k)
        return multiply(engine, data, k)
      }),
    )
    if (!addScaled(answer, k, answered[1], e, shift, out, answered[0], j0)) {
      const at = out.data.findIndex((x) => !Number.isFinite(x))
      const index = [Math.floor(at / out.shape[1]!), at % out.shape[1]!]
      throw new NotFiniteError({ fn, argument: 'its answer', value: out.data[at]!, index })
    }
  }
}

/** Uploads a matrix of finite entries, in as many blocks as the limits ask for. */
export async function uploadMatrix(
  A: Matrix<FloatArray>,
  limits: Limits,
  use: Use,
  forget: (matrix: GpuMatrix) => void,
): Promise<GpuMatrix> {
  const view = dense(A)
  const { rows: m, cols: n } = view
  const scale = exponent(maxAbs(view))
  const cells: Cell[] = []
  const chained = await use('gpu.matrix', async (engine) => {
    const { height, width } = blockSize(m, n, limits)
    try {
      for (let row = 0; row < m && n > 0; row += height) {
        for (let col = 0; col < n; col += width) {
          const rows = Math.min(height, m - row)
          const cols = Math.min(width, n - col)
          const block = await engine.upload(rows, cols, (first, count) => {
            const stride = paddedTo4(cols)
            const data = new Float32Array(count * stride)
            const there = Math.min(count, rows - first)
            packBlock(view, [row + first, there], [col, cols], scale, data, stride)
            return data
          })
          cells.push({ row, rows, col, cols, block })
        }
      }
    } catch (error) {
      for (const { block } of cells) block.free()
      throw error
    }
    return engine.normal !== undefined && width >= n
  })
  return new GpuMatrix([m, n], cells, scale, frobenius(view), limits, use, chained, forget)
}

/** Whole rows where a row fits, in blocks of equal height. */
function blockSize(m: number, n: number, { bytes, side }: Limits): { height: number; width: number } {
  const entries = Math.floor(bytes / 4)
  const most = Math.min(side, entries >> 2) & ~3
  if (most < 4) throw new GpuMemoryError('gpu.matrix', `a limit of ${bytes} bytes`)
  const width = n <= most ? n : most
  const highest = Math.max(4, Math.min(side, Math.floor(entries / Math.max(4, paddedTo4(width)))) & ~3)
  const blocks = Math.ceil(m / highest)
  return { height: Math.max(4, paddedTo4(Math.ceil(m / Math.max(1, blocks)))), width }
}
