import { asMatrix, dense, packed, wrap } from '../linalg/arrays.js'
import type { MatrixLike } from '../linalg/arrays.js'
import type { CsrOperator, Triplets } from '../linalg/operators/csr.js'
import { asOperator } from '../linalg/operators/denseoperator.js'
import type { TensorLike } from '../linalg/operators/tensoroperand.js'
import { DisposedError, LinAlgError } from '../linalg/errors.js'
import type { KernelOptions } from '../linalg/operators/kerneloptions.js'
import { bool, oneOf, optional, readOptions, withDefault } from '../linalg/options.js'
import { uploadCsr } from './operands/csr.js'
import { uploadButterfly } from './operands/butterfly.js'
import type { ButterflyLike, GpuComplexButterfly } from './operands/butterfly.js'
import type { Backend, Engine, Limits } from './engines/engine.js'
import { GpuLostError, GpuUnavailableError } from './errors.js'
import { acquireDevice, loadGpuJs, openSession } from './engines/gpujs.js'
import type { GpuJs } from './engines/gpujs.js'
import { uploadGradients } from './operands/gradients.js'
import type { GpuGradients, GpuGradientsOptions } from './operands/gradients.js'
import { hardware, isSoftware, requestAdapter } from './engines/hardware.js'
import type { WebGpuEntry } from './engines/hardware.js'
import { Held } from './operands/held.js'
import type { Lease, Site } from './operands/held.js'
import { KernelEngine } from './engines/kernelengine.js'
import { uploadKernelMatrix } from './operands/kernelmatrix.js'
import type { GpuKernelMatrix } from './operands/kernelmatrix.js'
import type { GpuStats } from './engines/ledger.js'
import { GpuMatrix } from './operands/matrix.js'
import { uploadObserved } from './operands/observed.js'
import type { GpuObserved } from './operands/observed.js'
import type { GpuOperator } from './operands/operand.js'
import { uploadSketch } from './operands/sketch.js'
import type { FormedOperator } from './operands/sketch.js'
import { uploadTensor } from './operands/tensor.js'
import type { GpuTensor } from './operands/tensor.js'
import { uploadGrid } from './operands/upload.js'
import { WgslEngine } from './engines/wgslengine.js'
import type { Variant } from './engines/wgsl.js'

/** What `openGpu` runs on. */
export interface OpenGpuOptions {
  /** What to run on; 'auto', the default, means a hardware GPU: WebGPU, else WebGL 2. */
  readonly backend?: 'auto' | Backend | undefined
  /** A WebGPU entry point for where there is no `navigator.gpu`: in Node `create([])` of the package webgpu. */
  readonly gpu?: WebGpuEntry | undefined
}

/** What of a matrix stays on the host. */
export interface GpuMatrixOptions {
  /** Keeps a float64 copy on the host. Default false. */
  readonly exact?: boolean | undefined
}

const sidesOf = ({ shape }: { shape: number[] }): readonly [number, number] => [shape[0]!, shape[1]!]

/** What tests turn: everything has a right value by itself. */
export interface Internals {
  /** How products run on webgpu. */
  readonly form?: 'wgsl' | 'gpujs'
  /** The WGSL variant, instead of the fastest. */
  readonly variant?: Variant
  /** Lower limits than the device's. */
  readonly limits?: Partial<Limits>
  readonly load?: () => Promise<unknown>
}

/** A device that several `Gpu`s use; it is destroyed with the last user. */
interface Shared {
  users: number
  readonly opening: Promise<Engine>
}

const open = new Map<string, Shared>()

/** The next `openGpu` opens anew. */
function forget(key: string, shared: Shared): void {
  if (open.get(key) === shared) open.delete(key)
}

function leave(key: string, shared: Shared): void {
  if (--shared.users > 0) return
  forget(key, shared)
  shared.opening.then(
    (engine) => engine.destroy(),
    () => undefined,
  )
}

/** An open GPU: `matrix` puts matrices on it. Made by `openGpu`. */
export class Gpu {
  private disposed = false
  private readonly operands = new Set<Held>()

  /** @internal */
  constructor(
    private readonly key: string,
    private readonly shared: Shared,
    private readonly engine: Engine,
    private readonly internals: Internals,
  ) {}

  /** What really runs. */
  get backend(): Backend {
    return this.engine.backend
  }

  /** Who computes, in the device's own words. */
  get renderer(): string {
    return this.engine.renderer
  }

  /**
   * Puts a matrix on the device, in float32 (24 bits per entry), scaled by a power of two so that no
   * magnitude is out of range; entries below 2⁻¹¹⁰ times the root mean square become 0. Larger ones than a buffer or
   * texture are split.
   *
   * @param A - m × n: ndarray, nested arrays or a mathjs matrix; read once.
   * @param options - `exact: true` keeps a float64 copy on the host, for `refine: 'float64'` of `rsvd`, `reigh` and `pca`.
   * @returns an async operator for every method of the library. Products take 2·m·n·k flops on the device and
   * move (m + n)·k numbers. Free it with `dispose()`, or by `using`; `gpu.dispose()` does so too.
   * @throws NotFiniteError for NaN or ±Infinity; GpuMemoryError where the device has no room; GpuLostError;
   * DisposedError after `gpu.dispose()`; OptionError.
   *
   * @example
   * ```ts
   * import { random, rsvd } from 'lowrank'
   * import { openGpu } from 'lowrank/gpu'
   * const gpu = await openGpu({ backend: 'webasm' })
   * const A = await gpu.matrix(random.normal([300, 200], { seed: 1 }), { exact: true })
   * const { s, precision } = await rsvd(A, { rank: 10 })   // precision 2⁻²³
   * await rsvd(A, { rank: 10, refine: 'float64' })         // 2⁻⁵²: the last product is the host's
   * A.dispose()
   * gpu.dispose()
   * ```
   */
  async matrix(A: MatrixLike, options?: GpuMatrixOptions): Promise<GpuMatrix> {
    return this.place('gpu.matrix', async (fn, site) => {
      const { exact } = readOptions(fn, options, { exact: withDefault(bool, false) })
      const entries = asMatrix(A, fn, 'A')
      const copy = exact ? asOperator(wrap(packed(dense(entries)), ...sidesOf(entries))) : undefined
      const grid = await uploadGrid(entries, site)
      const held = site.hold('the matrix on the GPU', () => grid.cells.forEach(({ block }) => block.free()))
      return new GpuMatrix(sidesOf(entries), grid, held, copy)
    })
  }

  /**
   * Puts a sparse matrix on the device, in float32 as `matrix` does, both by rows and by columns.
   *
   * @param A - what `csr` takes, or what it gives.
   * @returns an async operator. Products take 2·nnz·k flops, up to twice that in padding, and move (m + n)·k numbers,
   * (more where rows have more than 1024 entries). Free it with `dispose()`.
   * @throws as `csr` and `matrix` do; a column index of 2²⁴ or more is a ShapeError: the device counts in float32.
   *
   * @example
   * ```ts
   * import { rsvd } from 'lowrank'
   * import { openGpu } from 'lowrank/gpu'
   * const gpu = await openGpu({ backend: 'webasm' })
   * const A = await gpu.csr({ shape: [3, 4], rows: [0, 1, 2], cols: [3, 0, 1], values: [5, 2, 1] })
   * const { s } = await rsvd(A, { rank: 1 })   // 5
   * gpu.dispose()
   * ```
   */
  csr(A: Triplets | CsrOperator): Promise<GpuOperator> {
    return this.place('gpu.csr', (fn, site) => uploadCsr(A, fn, site))
  }

  /**
   * The kernel matrix Kᵢⱼ = k(xᵢ, xⱼ) of n points as an operator on the device: the points lie there, entries are made in
   * blocks when a product asks for them, and dropped.
   *
   * @param X - n × d, a point per row; read once.
   * @param options - as of `kernelMatrix`, but for functions, which a device cannot call.
   * @returns an async operator n × n, symmetric, that offers `columns`, `rows` and `diagonal` without products, and
   * `cross(Y)`, a Promise of an operator m × n on other points, to be disposed by itself. Free it with `dispose()`.
   * @throws as `kernelMatrix` and `matrix` do. OptionError for a function, and for a γ with which points are farther
   * than 2⁴⁰ widths of the kernel apart.
   *
   * Cost: a product with k columns takes about (3d + 16)·n² flops and an exponential for each entry, 2kn² flops (on
   * WebGPU the entries are made anew for every 32 columns), and moves 2nk numbers; `columns(J)` moves n·|J|. The device
   * holds nd numbers, twice as many where points are many widths of the kernel apart, and a block of at most 2²⁴.
   * Accuracy: coordinates are moved to the middle of the points and scaled in float64, and entries come from their
   * differences, so near points far from the origin lose no digits. An entry of 'rbf' and 'laplacian' is within
   * (2d + 16)·2⁻²⁴·(1 + γ·distance) of itself; k(x, x) is exactly 1, and values below e⁻⁸⁷ are 0. One of 'polynomial' is
   * within degree·(d + 8)·2⁻²⁴·(γ|x|ᵀ|y| + coef0)^degree; values below 2⁻¹²⁶ of the largest may be 0. The diagonal is
   * float64's.
   *
   * @example
   * ```ts
   * import { nystrom, random } from 'lowrank'
   * import { openGpu } from 'lowrank/gpu'
   * const gpu = await openGpu({ backend: 'webasm' })
   * const K = await gpu.kernelMatrix(random.normal([200, 3]), { kernel: 'rbf', gamma: 0.1 })
   * const { U, values } = await nystrom(K, { rank: 20, columns: 'rpcholesky' })
   * gpu.dispose()
   * ```
   */
  kernelMatrix(X: MatrixLike, options?: KernelOptions): Promise<GpuKernelMatrix> {
    return this.place('gpu.kernelMatrix', (fn, site) => uploadKernelMatrix(X, options, fn, site))
  }

  /**
   * Puts gradients on the device, in float32, each scaled by a power of two of its own; or makes room for them.
   *
   * @param G - m × d, a gradient in each row; or `{ dim, capacity }`, zeros until `set`.
   * @returns a store for `mfacWindow({ store })`, which writes its rows with `set(i, g)`, and at the same time the operand
   * m × d that `mfac` and other methods take, with `columns` and `rowGram` (G·Gᵀ). What is asked of it at one time is
   * done one after the other. Free it with `dispose()`.
   * @throws ShapeError, OptionError, NotFiniteError; as `matrix` does.
   *
   * Cost: G·v and Gᵀ·c take 2md flops, one reading of the numbers, and move d and m numbers (G·v a few more, which are
   * added up in float64). `set` moves d numbers, and writes them in place on webgpu; elsewhere it copies the arrays of up to
   * 1024 gradients that the row is in. Memory: md numbers and, where d is small, up to four times as many.
   *
   * @example
   * ```ts
   * import { mfac, mfacWindow, random } from 'lowrank'
   * import { openGpu } from 'lowrank/gpu'
   * const gpu = await openGpu({ backend: 'webasm' })
   * const G = await gpu.gradients(random.normal([8, 500]))
   * const H = await mfac(G, { damping: 0.1 })
   * const step = await H.ihvp(random.normal([500], { seed: 1 }))
   * const store = await gpu.gradients({ dim: 500, capacity: 8 })
   * const window = mfacWindow({ dim: 500, capacity: 8, damping: 0.1, store })
   * await window.push(random.normal([500], { seed: 2 }))
   * gpu.dispose()
   * ```
   */
  gradients(G: MatrixLike | GpuGradientsOptions): Promise<GpuGradients> {
    return this.place('gpu.gradients', (fn, site) => uploadGradients(G, fn, site))
  }

  /**
   * Puts a tensor on the device, in float32 as `matrix` does, scaled by a power of two; entries below 2⁻¹²⁶ times its
   * norm become 0. Larger ones than an array are split in slabs along the first mode.
   *
   * @param T - n₀ × n₁ × …: an ndarray of any strides, or what goes in as a matrix.
   * @returns an async tensor operand for `tucker`. `modeProduct` answers with another one, which stays on the device until
   * its own `dispose()`; of a mode product with r rows 2·r·V flops run there (V entries) and r·nₙ numbers cross. `modeGram`
   * and `modeRoot` take 2·nₙ·V and 6·nₙ·V, and nₙ² numbers cross (for each pair of slabs); `modeNormal` 4·k·V, with nₙ·k
   * numbers; an `unfolding` moves thin matrices as long as its columns. `modeRoot` knows singular values to float32's
   * rounding of the largest, since it takes a second Gram matrix of what the first has made well conditioned; those that
   * come from `modeGram` alone are lost below √2⁻²³ of it. The norm is that of the float64 entries; that of a product
   * is summed on the device, in blocks.
   * @throws ShapeError for less than two modes; else as `matrix` does.
   *
   * @example
   * ```ts
   * import { random, tucker } from 'lowrank'
   * import { openGpu } from 'lowrank/gpu'
   * const gpu = await openGpu({ backend: 'webasm' })
   * const T = await gpu.tensor(random.normal([12, 10, 8]))
   * const { core, factors } = await tucker(T, { ranks: [3, 3, 3], randomized: true })
   * gpu.dispose()
   * ```
   */
  tensor(T: TensorLike): Promise<GpuTensor> {
    return this.place('gpu.tensor', (fn, site) => uploadTensor(T, fn, site))
  }

  /**
   * Puts observed entries of a matrix on the device, in float32 as `matrix` does, both by rows and by columns: what
   * `completeMatrix` takes.
   *
   * @param entries - what `observed` takes: `shape` [m, n] and lists of row indices, column indices, values.
   * @returns an async `ObservedOperand`. `solve` takes |Ω|k² flops, up to twice that in padding; on webgpu it moves
   * (m + n)·k numbers, elsewhere m·k² (the host solves the normal equations), as everywhere for rows of more than 1024
   * entries, k² for each 1024. It answers exactly where it may be inexact. Normal equations in float32 know
   * the solution to κ·2⁻²³, κ being their condition number; where they are singular within 2⁻¹⁸ they get a ridge of 2⁻¹⁴ of
   * their largest diagonal entry, and the fit is off by as much. `residual` takes 4|Ω|k flops and moves (m + n)·k numbers; what it
   * answers with holds 8 bytes for each entry until it is disposed. The operand has 16 for each, with padding up to 32.
   * @throws as `observed` and `matrix` do; sides above 2²⁴ are a ShapeError: the device counts in float32.
   *
   * @example
   * ```ts
   * import { completeMatrix } from 'lowrank'
   * import { openGpu } from 'lowrank/gpu'
   * const gpu = await openGpu({ backend: 'webasm' })
   * const entries = { shape: [3, 3], rows: [0, 0, 1, 1, 2], cols: [0, 1, 0, 2, 2], values: [1, 2, 2, 6, 9] }
   * const M = await gpu.observed(entries)
   * const { predict } = await completeMatrix(M, { rank: 1 })
   * predict(2, 1)   // about 6: the rows are multiples of 1, 2, 3
   * gpu.dispose()
   * ```
   */
  observed(entries: Triplets): Promise<GpuObserved> {
    return this.place('gpu.observed', (fn, site) => uploadObserved(entries, fn, site))
  }

  /**
   * Puts a sketch on the device: the same matrix as on the host, signs and buckets to the bit, normals to float32
   * rounding. Dense entries are made there in WGSL on webgpu, signs by kernels on WebGL; else they are made on the host and
   * uploaded, once. Sparse ones go as their nonzeros, 16 bytes each. `srht` goes as 2N signs and is applied by its
   * transform where 4 columns of N fit a buffer or texture side; else, and `srtt` always, by its entries.
   *
   * @param S - d × n, what `gaussian`, `rademacher`, `sparseSign`, `countSketch`, `srht`, `srtt` or `rowSampling` gives.
   * @returns an async operator d × n. S·X moves (d + n)·k numbers. A resident matrix is sketched without it: its own
   * `sketched(S.form)` makes S where it needs it, and methods that sketch ask for that.
   * @throws as `matrix` does; ShapeError where `S` is no sketch.
   *
   * @example
   * ```ts
   * import { random, rademacher } from 'lowrank'
   * import { openGpu } from 'lowrank/gpu'
   * const gpu = await openGpu({ backend: 'webasm' })
   * const S = await gpu.sketch(rademacher([8, 100], { seed: 1 }))
   * await S.matmat(random.normal([100, 2]))   // 8 × 2
   * gpu.dispose()
   * ```
   */
  sketch(S: FormedOperator): Promise<GpuOperator> {
    return this.place('gpu.sketch', (fn, site) => uploadSketch(S, fn, site))
  }

  /**
   * Puts a butterfly matrix on the device. Up to three levels are one kernel there, whose coefficients are merged in
   * float64 and rounded once; all run on the device, so X crosses once each way.
   *
   * @param B - n × n, what `butterfly.hadamard`, `dct`, `dst`, `dft`, `random` or `factorize` gives; n at most 2²⁴.
   * @returns for a real butterfly, or the real part of a complex one, an async operator; for a complex butterfly `matmat`,
   * `rmatmat` (its conjugate transpose) and `matvec` as on the host, answering with Promises. Products take 16n/3·log₂n flops for
   * each column (four times that where complex) and move 2·n·k numbers. Free it with `dispose()`.
   * @throws as `matrix` does; ShapeError where `B` is no butterfly matrix.
   *
   * @example
   * ```ts
   * import { butterfly, random } from 'lowrank'
   * import { openGpu } from 'lowrank/gpu'
   * const gpu = await openGpu({ backend: 'webasm' })
   * const C = await gpu.butterfly(butterfly.dct(64))
   * await C.matmat(random.normal([64, 3]))   // 64 × 3
   * gpu.dispose()
   * ```
   */
  butterfly(B: ButterflyLike & { readonly complex: false }): Promise<GpuOperator>
  butterfly(B: ButterflyLike & { readonly complex: true }): Promise<GpuComplexButterfly>
  butterfly(B: ButterflyLike): Promise<GpuOperator | GpuComplexButterfly> {
    return this.place('gpu.butterfly', (fn, site) => uploadButterfly(B, fn, site))
  }

  /** What has crossed between host and device, and what is there. */
  stats(): GpuStats {
    return this.engine.ledger.stats()
  }

  /** Frees the operands made here, and the device where nobody else uses it. Calling it again does nothing. */
  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    for (const held of [...this.operands]) held.dispose()
    leave(this.key, this.shared)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** Makes an operand on behalf of a function. It goes with this `Gpu`, or before. */
  private async place<T>(fn: string, make: (fn: string, site: Site) => Promise<T>): Promise<T> {
    const lease = this.lease(fn)
    const made = new Set<Held>()
    const site = (engine: Engine): Site => ({
      engine,
      limits: { ...engine.limits, ...this.internals.limits },
      hold: (what, free) => {
        if (this.disposed) throw new DisposedError(fn, 'gpu')
        const held = new Held(
          what,
          (of) => this.lease(of),
          free,
          (gone) => this.operands.delete(gone) && made.delete(gone),
        )
        this.operands.add(held)
        made.add(held)
        return held
      },
    })
    try {
      const operand = await lease.run((engine) => make(fn, site(engine)))
      if (!this.disposed) return operand
      throw new DisposedError(fn, 'gpu')
    } catch (error) {
      for (const held of made) held.dispose()
      throw error
    } finally {
      lease.release()
    }
  }

  /** The device, kept alive until the lease is released. */
  private lease(fn: string): Lease {
    const { engine, shared, key } = this
    if (this.disposed) throw new DisposedError(fn, 'gpu')
    shared.users++
    return {
      async run(work) {
        try {
          checkAlive(engine)
          const value = await work(engine)
          // Where WebGL lost its context while it worked, it answers with zeros.
          checkAlive(engine)
          return value
        } catch (error) {
          const sorted = await engine.explain(error, fn)
          if (!engine.lost) throw sorted
          forget(key, shared)
          throw new GpuLostError(fn, { cause: error })
        }
      },
      release: () => leave(key, shared),
    }
  }
}

function checkAlive({ lost }: Engine): void {
  if (lost) throw lost
}

/**
 * Opens a GPU. 'auto' takes hardware only: software renderers are refused, since the same functions are
 * faster on the CPU there. A backend that is named is used or refused, never exchanged for another.
 *
 * @param options - `backend`: 'auto' (default), 'webgpu', 'webgl2', 'webgl', 'headlessgl', 'webasm' or 'cpu'
 * (the last two to try things out: GPU.js on the CPU, in float32). `gpu`: a WebGPU entry point, for Node.
 * @returns the GPU. Opening twice shares the device; it is freed when each has been disposed.
 * @throws GpuUnavailableError where no such backend is found; MissingPeerError where gpu.js is not installed;
 * OptionError.
 *
 * @example
 * ```ts
 * import { rsvd, random } from 'lowrank'
 * import { openGpu } from 'lowrank/gpu'
 * const gpu = await openGpu({ backend: 'cpu' })
 * const A = await gpu.matrix(random.normal([100, 80], { seed: 1 }))
 * const { U, s, Vt } = await rsvd(A, { rank: 5 })
 * gpu.dispose()
 * ```
 */
export async function openGpu(options?: OpenGpuOptions): Promise<Gpu> {
  return openWith(options, {})
}

/** `openGpu` for tests, which also turn what lies inside. */
export async function openWith(given: OpenGpuOptions | undefined, internals: Internals): Promise<Gpu> {
  const options = readOptions('openGpu', given, {
    backend: withDefault(oneOf('auto', 'webgpu', 'webgl2', 'webgl', 'headlessgl', 'webasm', 'cpu'), 'auto'),
    gpu: optional<WebGpuEntry>((value, fail) =>
      typeof (value as Partial<WebGpuEntry> | null)?.requestAdapter === 'function'
        ? (value as WebGpuEntry)
        : fail('a WebGPU entry point (with requestAdapter)'),
    ),
  })
  const js = await loadGpuJs(internals.load)
  const backend = options.backend === 'auto' ? await hardware(js, options.gpu) : options.backend
  const key = [backend, internals.form ?? '', internals.variant?.name ?? ''].join(' ')
  for (let tries = 0; ; tries++) {
    const shared = open.get(key) ?? { users: 0, opening: openEngine(js, backend, options.gpu, internals) }
    open.set(key, shared)
    shared.users++
    try {
      const engine = await shared.opening
      if (!engine.lost) return new Gpu(key, shared, engine, internals)
      forget(key, shared)
      if (tries > 0) throw new GpuLostError('openGpu')
      leave(key, shared)
    } catch (error) {
      forget(key, shared)
      leave(key, shared)
      if (error instanceof LinAlgError) throw error
      throw new GpuUnavailableError(backend, (error as Error).message, { cause: error })
    }
  }
}

async function openEngine(
  js: GpuJs,
  backend: Backend,
  entry: WebGpuEntry | undefined,
  { form, variant }: Internals,
): Promise<Engine> {
  if (backend !== 'webgpu') return probed(new KernelEngine(openSession(js, backend)))
  const adapter = await requestAdapter(entry)
  if (!adapter) throw new GpuUnavailableError(backend, 'no WebGPU adapter')
  const { context, destroy } = await acquireDevice(js, adapter)
  const engine = new WgslEngine(js, context, isSoftware(context.adapter), destroy, variant)
  if (form !== 'gpujs') return engine
  return probed(new KernelEngine(openSession(js, backend, context), engine))
}

/** Runs one product, which tells whether GPU.js runs what it was asked to. */
async function probed(engine: Engine): Promise<Engine> {
  try {
    const block = await engine.upload(1, 1, (_, count) => new Float32Array(4 * count).fill(2, 0, 1))
    const answer = await engine.multiply(block, false, new Float32Array(8).fill(3, 0, 1), 2)
    block.free()
    if (answer[0] !== 6)
      throw new GpuUnavailableError(engine.backend, `a device that says 2·3 = ${answer[0]}`)
    return engine
  } catch (error) {
    engine.destroy()
    throw error
  }
}
