import { checkFinite, contiguous, dense, wrap } from '../linalg/arrays.js'
import type { Dense, FloatArray, Matrix } from '../linalg/arrays.js'
import { DisposedError, NotFiniteError } from '../linalg/errors.js'
import { frobenius, maxAbs } from '../linalg/magnitude.js'
import { operatorFromSteps } from '../linalg/operators.js'
import type { AsyncLinearOperator, ProductSteps, Shape } from '../linalg/operators.js'
import { runAsync, wait } from '../linalg/steps.js'
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

  private *product(given: Matrix, transposed: boolean): Steps<Matrix> {
    const fn = transposed ? 'rmatmat' : 'matmat'
    const [X, out] = this.begin(given, transposed ? this.shape[1] : this.shape[0], fn, transposed ? 'Y' : 'X')
    for (const { j0, width } of this.panels(X.shape[1]!)) {
      const e = columnExponents(X, j0, width)
      for (const { row, rows, col, cols, block } of this.cells) {
        const [inner, answered] = transposed
          ? ([row, rows, col, cols] as const,
            [
              [row, rows],
              [col, cols],
            ] as const)
          : ([
              [col, cols],
              [row, rows],
            ] as const)
        yield* this.add(fn, X, inner!, j0, e, out, answered!, this.scale, (engine, data, k) =>
          engine.multiply(block, transposed, data, k),
        )
      }
    }
    return out
  }

  /** AᵀA·X: with whole rows in each block the sum runs over the blocks. */
  private *normalSteps(given: Matrix): Steps<Matrix> {
    const n = this.shape[1]
    const [X, out] = this.begin(given, n, 'normal', 'X')
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

  private begin(X: Matrix, rows: number, fn: string, argument: string): [Matrix, Matrix] {
    if (this.disposed) throw new DisposedError(fn, 'the matrix on the GPU')
    checkFinite(dense(X), fn, argument)
    const k = X.shape[1]!
    return [contiguous(X), wrap(new Float64Array(rows * k), rows, k)]
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
  const { largest, norm } = await runAsync(measure(view))
  if (!Number.isFinite(largest)) checkFinite(view, 'gpu.matrix', 'A')
  const scale = exponent(largest)
  const cells: Cell[] = []
  const chained = await use('gpu.matrix', async (engine) => {
    if (m === 0 || n === 0) return false
    const { height, width } = blockSize(m, n, limits)
    try {
      for (let row = 0; row < m; row += height) {
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
  return new GpuMatrix([m, n], cells, scale, norm, limits, use, chained, forget)
}

/** max |aᵢⱼ|, NaN where one is, and ‖A‖_F, a piece of rows at a time. */
function* measure(A: Dense): Steps<{ largest: number; norm: number }> {
  const piece = Math.max(1, Math.floor(2 ** 18 / Math.max(1, A.cols)))
  let largest = 0
  let norm = 0
  for (let i = 0; i < A.rows; i += piece) {
    const rows = { ...A, offset: A.offset + i * A.rs, rows: Math.min(piece, A.rows - i) }
    largest = Math.max(largest, maxAbs(rows))
    norm = Math.hypot(norm, frobenius(rows))
    yield {}
  }
  return { largest, norm }
}

/** Whole rows where a row fits, in blocks of equal height. */
function blockSize(m: number, n: number, { bytes, side }: Limits): { height: number; width: number } {
  const entries = Math.floor(bytes / 4)
  const widest = multipleOf4(Math.min(side, entries / 4))
  if (widest === 0) throw new GpuMemoryError('gpu.matrix', `a limit of ${bytes} bytes`)
  const width = Math.min(n, widest)
  const highest = multipleOf4(Math.min(side, entries / paddedTo4(width)))
  return { height: paddedTo4(Math.ceil(m / Math.ceil(m / highest))), width }
}

const multipleOf4 = (x: number): number => 4 * Math.floor(x / 4)
