import { KernelCache } from './cache.js'
import { volumeOf } from './engine.js'
import type { DeviceArray, KernelSource } from './engine.js'
import { release, reshaped } from './gpujs.js'
import type { HostArgument, Kernel, Resident, Session } from './gpujs.js'
import { copySource } from './kernels.js'
import type { Ledger } from './ledger.js'

/** How many kernels may stay built. */
const KERNELS = 48

/** An array as kernels of GPU.js take it. */
export interface KernelArray extends DeviceArray {
  readonly argument: HostArgument | Resident
  /** Whether GPU.js copies it to the device at each call. */
  readonly passing: boolean
  /** Of a view: the dimensions of what it is a view of, of which GPU.js makes a class of textures each. */
  readonly born?: number
}

/**
 * GPU.js kernels of one session, one at a time: a kernel must not leave the cache while it runs. A kernel's arguments
 * keep their kind and size for its life, since GPU.js freezes both at the first call and checks neither; so both are
 * part of what it is known by.
 */
export class KernelRunner {
  private readonly cache = new KernelCache<Kernel>(KERNELS)
  private queue: Promise<unknown> = Promise.resolve()
  /** webasm and cpu have no memory of their own: what stays on the device is the host's. */
  readonly hosted: boolean

  constructor(
    private readonly session: Session,
    private readonly ledger: Ledger,
    /** Runs what may not fail unseen. */
    private readonly guarded: <T>(work: () => Promise<T>) => Promise<T> = (work) => work(),
  ) {
    this.hosted = session.backend === 'cpu' || session.backend === 'webasm'
  }

  /** An argument that is copied to the device at each call. */
  passing(data: Float32Array, size: readonly number[]): KernelArray {
    // Elsewhere each call that it is an argument of copies it, and counts it.
    if (this.hosted) this.ledger.bytesUp += data.byteLength
    return this.onHost(data, size)
  }

  /** What a kernel made on a device that is the host. */
  onHost(data: Float32Array, size: readonly number[]): KernelArray {
    const argument = this.session.argument(data, size)
    return { size, argument, passing: true, free: this.ledger.held(() => undefined) }
  }

  async held(data: Float32Array, size: readonly number[]): Promise<KernelArray> {
    const passing = this.passing(data, size)
    if (this.hosted) return passing
    // A kernel holds a copy of its argument on the host and on the device, so this one does not stay.
    return this.serial(async () => {
      const kernel = this.session.kernel(copySource(size.length), size, true)
      this.ledger.kernels++
      try {
        return await this.resident(kernel, size, [passing])
      } finally {
        kernel.destroy()
        passing.free()
      }
    })
  }

  run(kernel: KernelSource, args: readonly DeviceArray[]): Promise<KernelArray> {
    if (this.hosted)
      return this.numbers(kernel, args, flattened(kernel)).then((data) => this.onHost(data, kernel.output))
    return this.serial(() =>
      this.cached(kernel, args, true, (built) => this.resident(built, kernel.output, args as KernelArray[])),
    )
  }

  compute(kernel: KernelSource, args: readonly DeviceArray[]): Promise<Float32Array> {
    return this.computeWith(kernel, args, flattened(kernel))
  }

  /** Runs a kernel whose result the caller reads in its own way. */
  async computeWith(
    kernel: KernelSource,
    args: readonly DeviceArray[],
    taken: (result: unknown) => Float32Array,
  ): Promise<Float32Array> {
    const data = await this.numbers(kernel, args, taken)
    this.ledger.bytesDown += data.byteLength
    return data
  }

  private numbers(
    kernel: KernelSource,
    args: readonly DeviceArray[],
    taken: (result: unknown) => Float32Array,
  ): Promise<Float32Array> {
    return this.serial(() =>
      this.cached(kernel, args, false, async (built) => taken(await this.call(built, args as KernelArray[]))),
    )
  }

  /** The same numbers under another size; they stay the other's to free. */
  view({ argument, passing, ...viewed }: KernelArray, size: readonly number[]): KernelArray {
    const born = viewed.born ?? viewed.size.length
    return { size, argument: reshaped(argument, size), passing, born, free: () => undefined }
  }

  clear(): void {
    this.cache.clear()
  }

  private async resident(
    kernel: Kernel,
    size: readonly number[],
    args: readonly KernelArray[],
  ): Promise<KernelArray> {
    const argument = (await this.call(kernel, args)) as Resident
    return { size, argument, passing: false, free: this.ledger.held(() => release(argument)) }
  }

  private async call(kernel: Kernel, args: readonly KernelArray[]): Promise<unknown> {
    this.ledger.dispatches++
    for (const { size, passing } of args) {
      if (passing && !this.hosted) this.ledger.bytesUp += 4 * volumeOf(size)
    }
    const result = await this.guarded(() => kernel.run(...args.map(({ argument }) => argument)))
    try {
      this.session.check('gpu')
      return result
    } catch (error) {
      if (isResident(result)) release(result)
      throw error
    }
  }

  private async cached<T>(
    { source, output }: KernelSource,
    args: readonly DeviceArray[],
    stays: boolean,
    work: (kernel: Kernel) => Promise<T>,
  ): Promise<T> {
    const kinds = (args as readonly KernelArray[]).map(
      ({ size, passing, born = size.length }) =>
        `${passing ? 'passing' : 'held'} ${size.join('×')} of ${born}`,
    )
    const key = [source, output.join('×'), stays, ...kinds].join('\n')
    const kernel = this.cache.get(key, () => {
      this.ledger.kernels++
      return this.session.kernel(source, output, stays)
    })
    try {
      return await work(kernel)
    } catch (error) {
      // A kernel whose run failed may be half built.
      this.cache.drop(key)
      throw error
    }
  }

  private serial<T>(work: () => Promise<T>): Promise<T> {
    const answer = this.queue.then(work)
    this.queue = answer.catch(() => undefined)
    return answer
  }
}

const isResident = (result: unknown): result is Resident =>
  typeof (result as Partial<Resident> | null)?.delete === 'function'

/** Results of GPU.js: numbers, rows of numbers, or layers of rows. */
type Rows = Float32Array | readonly Rows[]

const flattened =
  ({ output }: KernelSource) =>
  (rows: unknown): Float32Array =>
    flatten(rows as Rows, output)

/** The numbers of a result, x fastest. Where its rows lie one behind the other in one buffer it is not copied. */
function flatten(rows: Rows, output: readonly number[]): Float32Array {
  if (rows instanceof Float32Array) return rows
  const pieces = piecesOf(rows)
  const first = pieces[0]!
  const length = volumeOf(output)
  let at = first.byteOffset
  for (const piece of pieces) {
    if (piece.buffer !== first.buffer || piece.byteOffset !== at) return copied(pieces, length)
    at += piece.byteLength
  }
  return new Float32Array(first.buffer, first.byteOffset, length)
}

const piecesOf = (rows: Rows): readonly Float32Array[] =>
  rows instanceof Float32Array ? [rows] : rows.flatMap(piecesOf)

function copied(pieces: readonly Float32Array[], length: number): Float32Array {
  const out = new Float32Array(length)
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}
