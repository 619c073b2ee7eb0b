import { MissingPeerError } from '../../linalg/errors.js'
import type { Backend } from './engine.js'
import { GpuLostError, GpuMemoryError, GpuUnavailableError } from '../errors.js'

// The one module that knows GPU.js: it loads it, casts it to the small interface below, and undoes what a
// numerical library cannot live with: a silent change of backend, words on the console, leaked textures.

/** A matrix as an argument that is copied to the device at every call. */
export interface HostArgument {
  readonly size: readonly number[]
}

/** A matrix that stays on the device. */
export interface Resident {
  delete(): void
}

/** A result of a kernel of four outputs per thread: rows of cells of four numbers. */
export type Cells = ArrayLike<ArrayLike<ArrayLike<number>>>

interface RawKernel {
  (...args: unknown[]): unknown
  /** The kernel that really runs: GPU.js may have exchanged it. */
  readonly kernel: {
    readonly constructor: unknown
    readonly fallbackReason?: string | null
    readonly program?: WebGLProgram
  }
  destroy(): void
}

interface RawGpu {
  readonly context: unknown
  createKernel(source: string, settings: object): RawKernel
  destroy(): Promise<void>
}

interface Context {
  readonly adapter: GPUAdapter
  readonly device: GPUDevice
  readonly isLost: boolean
}

interface KernelClass {
  readonly testContext?: WebGLRenderingContext | null
}

/** What is used of GPU.js. */
export interface GpuJs {
  readonly GPU: new (settings: { mode: string }) => RawGpu
  readonly Input: new (data: Float32Array, size: number[]) => HostArgument
  readonly WebGPUContext: { acquire(): Promise<Context>; destroy(): Promise<void> }
  readonly WebGPUBufferResult: new (settings: object) => Resident
  readonly CPUKernel: KernelClass
  readonly WebAssemblyKernel: KernelClass
  readonly HeadlessGLKernel: KernelClass
  readonly WebGLKernel: KernelClass
  readonly WebGL2Kernel: KernelClass
  readonly WebGPUKernel: KernelClass
}

const classNames = {
  cpu: 'CPUKernel',
  webasm: 'WebAssemblyKernel',
  headlessgl: 'HeadlessGLKernel',
  webgl: 'WebGLKernel',
  webgl2: 'WebGL2Kernel',
  webgpu: 'WebGPUKernel',
} as const satisfies Record<Backend, keyof GpuJs>

/** Loads GPU.js, which is an optional peer. */
export async function loadGpuJs(load: () => Promise<unknown> = () => import('gpu.js')): Promise<GpuJs> {
  let loaded: unknown
  try {
    loaded = await load()
  } catch (cause) {
    throw new MissingPeerError('openGpu', 'gpu.js', { cause })
  }
  // A CommonJS module: the names are on the namespace or on its default, as the loader likes it.
  const names = loaded as Partial<GpuJs> & { default?: Partial<GpuJs> }
  return (names.GPU ? names : names.default) as GpuJs
}

/**
 * The WebGPU device that GPU.js's own kernels use, on the given adapter or on the one that it has already.
 * GPU.js asks `navigator.gpu` for an adapter; for the moment of that call it is answered with ours.
 */
export async function acquireDevice(
  js: GpuJs,
  adapter: GPUAdapter,
): Promise<{ context: Context; destroy(): void }> {
  let ours = false
  const requestAdapter = () => {
    ours = true
    return Promise.resolve(adapter)
  }
  const context = await withEntry({ requestAdapter } as unknown as GPU, () => js.WebGPUContext.acquire())
  return {
    context,
    destroy() {
      // Somebody else's device is left alone. After a loss GPU.js may hold a new one, which is not ours.
      if (ours && !context.isLost) void js.WebGPUContext.destroy()
    },
  }
}

/** Runs `call` while `navigator.gpu` is `entry`; GPU.js reads it nowhere but in its synchronous part. */
function withEntry<T>(entry: GPU, call: () => T): T {
  const hadNavigator = typeof navigator !== 'undefined'
  if (!hadNavigator) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true })
  const own = Object.getOwnPropertyDescriptor(navigator, 'gpu')
  Object.defineProperty(navigator, 'gpu', { value: entry, configurable: true })
  try {
    return call()
  } finally {
    if (own) Object.defineProperty(navigator, 'gpu', own)
    else delete (navigator as { gpu?: unknown }).gpu
    if (!hadNavigator) delete (globalThis as { navigator?: unknown }).navigator
  }
}

/** The renderer's name of a GL backend, where there is such a backend and it says so. */
export function glRenderer(js: GpuJs, backend: 'webgl2' | 'webgl' | 'headlessgl'): string | undefined {
  try {
    // The constructor asks whether the backend is supported, and so makes GPU.js's test context.
    new js.GPU({ mode: backend })
  } catch {
    return undefined
  }
  const gl = js[classNames[backend]].testContext
  return gl ? rendererOf(gl) : undefined
}

function rendererOf(gl: WebGLRenderingContext): string {
  const names = gl.getExtension('WEBGL_debug_renderer_info')
  return String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER))
}

/** Kernels of one backend. */
export interface Session {
  readonly backend: Backend
  readonly renderer: string
  readonly maxSide: number
  /** A kernel from source; its first call makes sure that it runs where it should. */
  kernel(source: string, output: readonly number[], resident: boolean): Kernel
  argument(data: Float32Array, size: readonly number[]): HostArgument
  /** Throws where the device has refused something since it was last asked: it says so nowhere else. */
  check(fn: string): void
  isLost(): boolean
  destroy(): void
}

export interface Kernel {
  run(...args: readonly (HostArgument | Resident)[]): Promise<unknown>
  destroy(): void
}

/** Opens a backend of GPU.js; for 'webgpu' on the device of `context`. */
export function openSession(js: GpuJs, backend: Backend, context?: Context): Session {
  const expected = js[classNames[backend]]
  let gpu: RawGpu
  try {
    gpu = context ? withEntry({} as GPU, () => new js.GPU({ mode: backend })) : new js.GPU({ mode: backend })
  } catch (cause) {
    throw new GpuUnavailableError(backend, 'no such backend here', { cause })
  }
  const gl = (): WebGLRenderingContext | undefined =>
    backend === 'webgl2' || backend === 'webgl' || backend === 'headlessgl'
      ? ((gpu.context ?? expected.testContext ?? undefined) as WebGLRenderingContext | undefined)
      : undefined

  function build(source: string, output: readonly number[], resident: boolean): Kernel {
    const kernel = gpu.createKernel(source, {
      output: [...output],
      precision: 'single',
      loopMaxIterations: 1e7,
      ...(resident ? { pipeline: true, immutable: true } : {}),
      // Only WebGL 2 can read back while the page goes on; WebAssembly would start threads.
      ...(backend === 'webgl2' ? { asyncMode: true } : {}),
      onRequestFallback: () => {
        throw new GpuUnavailableError(
          backend,
          `GPU.js falling back to cpu: ${kernel.kernel.fallbackReason ?? 'no reason'}`,
        )
      },
    })
    return {
      async run(...args) {
        const result = await kernel(...args)
        if (kernel.kernel.constructor !== expected) {
          const ran = (kernel.kernel.constructor as { name?: string }).name ?? 'another class'
          throw new GpuUnavailableError(backend, `a kernel that GPU.js ran as ${ran}`)
        }
        return result
      },
      destroy() {
        const at = gl()
        const { program } = kernel.kernel
        const locations =
          at && program && ['aPos', 'aTexCoord'].map((name) => at.getAttribLocation(program, name))
        kernel.destroy()
        if (at && locations) restoreQuad(at, locations)
      },
    }
  }

  const context0 = gl()
  return {
    backend,
    renderer: context
      ? adapterName(context.adapter)
      : context0
        ? rendererOf(context0)
        : `${backend} (GPU.js)`,
    maxSide: context0 ? Number(context0.getParameter(context0.MAX_TEXTURE_SIZE)) : 65535 * 8,
    kernel: build,
    argument: (data, size) => new js.Input(data, [...size]),
    check(fn) {
      const at = gl()
      const code = at ? at.getError() : 0
      if (!at || code === at.NO_ERROR) return
      if (code === at.OUT_OF_MEMORY) throw new GpuMemoryError(fn, 'OUT_OF_MEMORY from WebGL')
      if (code === CONTEXT_LOST) throw new GpuLostError(fn)
      throw new Error(`${fn}: WebGL error 0x${code.toString(16)}`)
    },
    isLost: () => (context ? context.isLost : (gl()?.isContextLost() ?? false)),
    destroy() {
      const own = (gpu.context ?? undefined) as WebGLRenderingContext | undefined
      gpu.destroy().catch(() => undefined)
      // GPU.js gives the context back only where a kernel is left.
      own?.getExtension('WEBGL_lose_context')?.loseContext()
      ;(own?.getExtension('STACKGL_destroy_context') as { destroy?(): void } | null | undefined)?.destroy?.()
    },
  }
}

const CONTEXT_LOST = 0x9242

/** Two triangles that cover the output, as each kernel of GPU.js has them: positions, then texture positions. */
const quad = new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1])

/**
 * All kernels draw with the vertices of the one that was built last. When that one is destroyed the others draw
 * nothing, and answer with their last result; so they are given vertices again.
 */
function restoreQuad(gl: WebGLRenderingContext, [position, texture]: readonly number[]): void {
  const before = restored.get(gl)
  const buffer = before ?? gl.createBuffer()
  restored.set(gl, buffer)
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer)
  if (!before) gl.bufferData(gl.ARRAY_BUFFER, quad, gl.STATIC_DRAW)
  for (const [location, offset] of [
    [position!, 0],
    [texture!, quad.byteLength / 2],
  ] as const) {
    if (location < 0) continue
    gl.enableVertexAttribArray(location)
    gl.vertexAttribPointer(location, 2, gl.FLOAT, false, 0, offset)
  }
}

const restored = new WeakMap<WebGLRenderingContext, WebGLBuffer>()

/** Frees what a kernel left on the device; GPU.js forgets textures whose kernel is gone. */
export function release(resident: Resident): void {
  const { texture, kernel, context } = resident as Partial<{
    texture: WebGLTexture
    kernel: { context?: unknown }
    context: WebGLRenderingContext
  }>
  if (texture && context && !kernel?.context) context.deleteTexture(texture)
  else resident.delete()
}

/** A WebGPU buffer of ours as an argument for kernels of GPU.js; the buffer stays ours. */
export function borrowed(js: GpuJs, context: Context, buffer: GPUBuffer, size: readonly number[]): Resident {
  return new js.WebGPUBufferResult({ buffer, output: [...size], componentCount: 1, context, kernel: {} })
}

/** An argument under another size of the same volume: what lies there is indexed by its size alone. */
export function reshaped<A extends HostArgument | Resident>(argument: A, size: readonly number[]): A {
  const shaped =
    'value' in argument ? { size: [...size] } : { output: [...size], dimensions: [...size, 1, 1].slice(0, 3) }
  return Object.assign(Object.create(Object.getPrototypeOf(argument) as object) as A, argument, shaped)
}

/** The buffer of a result that a kernel left on a WebGPU device. */
export const bufferOf = (resident: Resident): GPUBuffer =>
  (resident as Resident & { buffer: GPUBuffer }).buffer

/** An adapter in its own words. */
export function adapterName(adapter: GPUAdapter): string {
  const { vendor, architecture, device, description } = (adapter.info ?? {}) as Partial<GPUAdapterInfo>
  return [vendor, architecture, device, description].filter((part) => part).join(' ') || 'an unnamed adapter'
}

export type { Context }
