import { paddedTo4 } from './engine.js'
import type { Ledger } from './ledger.js'
import type { Choice } from './tune.js'
import { BLOCK, PARAMS } from './wgsl.js'

// How a product becomes passes on the device: tiles, slices of the inner index, uniforms, submissions.

// GPUBufferUsage is no global in Node.
export const USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 }
/** How far apart uniform blocks lie in their buffer. */
const ALIGN = 256
/** No slice of the inner index is shorter than this. */
const SHORTEST_SLICE = 256
const LONGEST_DISPATCH = 65535
/** A submission that runs for long is taken for a hanging one, and the device is lost: seconds for each. */
const SUBMISSION = 0.05

/** Buffers that live as long as a call. */
export class Scratch {
  private readonly buffers: GPUBuffer[] = []

  constructor(readonly device: GPUDevice) {}

  create(size: number, usage: number): GPUBuffer {
    const buffer = this.device.createBuffer({ size, usage })
    this.buffers.push(buffer)
    return buffer
  }

  destroy(): void {
    for (const buffer of this.buffers) buffer.destroy()
  }
}

/** Commands in order, handed over in submissions of a bounded length. */
export class Recorder {
  private encoder: GPUCommandEncoder | undefined
  private seconds = 0

  constructor(
    private readonly device: GPUDevice,
    private readonly ledger: Ledger,
  ) {}

  pass(
    pipeline: GPUComputePipeline,
    entries: GPUBindGroupEntry[],
    groups: readonly number[],
    seconds: number,
  ): void {
    if (this.seconds > 0 && this.seconds + seconds > SUBMISSION) this.submit()
    this.seconds += seconds
    this.ledger.dispatches++
    const compute = this.open().beginComputePass()
    compute.setPipeline(pipeline)
    compute.setBindGroup(0, this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }))
    compute.dispatchWorkgroups(groups[0]!, groups[1], groups[2])
    compute.end()
  }

  copy(from: GPUBuffer, to: GPUBuffer): void {
    this.open().copyBufferToBuffer(from, 0, to, 0, from.size)
  }

  submit(): void {
    if (this.encoder) this.device.queue.submit([this.encoder.finish()])
    this.encoder = undefined
    this.seconds = 0
  }

  private open(): GPUCommandEncoder {
    return (this.encoder ??= this.device.createCommandEncoder())
  }
}

/** A·X or Aᵀ·X, with A rows×cols and k padded columns of X. */
export interface Product {
  readonly rows: number
  readonly cols: number
  readonly A: GPUBuffer
  readonly X: GPUBuffer
  readonly k: number
  readonly choice: Choice
  readonly product: GPUComputePipeline
  readonly reduce: GPUComputePipeline
}

/** The buffers of a product, made once, and its passes, to be recorded once or often. */
export function prepare(
  { rows, cols, A, X, k, choice: { transposed, variant, speed }, product, reduce }: Product,
  software: boolean,
  scratch: Scratch,
  /** Room for the answer, of at least M·k numbers; of the scratch where there is none. */
  given?: GPUBuffer,
): { readonly answer: GPUBuffer; record(recorder: Recorder): void } {
  const M = transposed ? cols : rows
  const K = transposed ? rows : paddedTo4(cols)
  const [rowTiles, colTiles] = [Math.ceil(M / variant.bm), Math.ceil(k / variant.bn)]
  const slice = BLOCK * Math.ceil(K / slicesOf(M, k, K, software) / BLOCK)
  const slices = Math.ceil(K / slice)
  const answer = given ?? scratch.create(M * k * 4, USAGE.STORAGE | USAGE.COPY_SRC)
  const partial = slices > 1 ? scratch.create(slices * M * k * 4, USAGE.STORAGE) : answer

  const secondsPerTile = (2 * variant.bm * k * K) / speed
  const perPass = Math.max(1, Math.min(LONGEST_DISPATCH, Math.floor(SUBMISSION / secondsPerTile)))
  const passes = Math.ceil(rowTiles / perPass)
  const uniforms = scratch.create(ALIGN * (passes + 1), USAGE.UNIFORM | USAGE.COPY_DST)
  const words = new Uint32Array((ALIGN / 4) * (passes + 1))
  for (let i = 0; i < passes; i++) {
    words.set([M, k / 4, K, paddedTo4(cols) / 4, slice, i * perPass * variant.bm], (ALIGN / 4) * i)
  }
  words.set([(M * k) / 4, 0, slices], (ALIGN / 4) * passes)
  scratch.device.queue.writeBuffer(uniforms, 0, words)

  const bind = (at: number, ...buffers: GPUBuffer[]): GPUBindGroupEntry[] => [
    { binding: 0, resource: { buffer: uniforms, offset: ALIGN * at, size: 4 * PARAMS } },
    ...buffers.map((buffer, i) => ({ binding: i + 1, resource: { buffer } })),
  ]
  return {
    answer,
    record(recorder) {
      for (let i = 0; i < passes; i++) {
        const tiles = Math.min(perPass, rowTiles - i * perPass)
        const seconds = tiles * secondsPerTile
        recorder.pass(product, bind(i, A, X, partial), [tiles, colTiles, slices], seconds)
      }
      if (slices > 1) {
        const groups = Math.ceil((M * k) / 4 / 64)
        const shape = [Math.min(groups, LONGEST_DISPATCH), Math.ceil(groups / LONGEST_DISPATCH), 1]
        recorder.pass(reduce, bind(passes, partial, answer), shape, 0)
      }
    },
  }
}

/**
 * Into how many slices the inner index is cut so that the device has enough to do at one time. Not a matter of
 * the variant, so that all variants add in the same order.
 */
function slicesOf(M: number, k: number, K: number, software: boolean): number {
  const tiles = Math.ceil(M / 64) * Math.ceil(k / 32)
  return Math.max(1, Math.min(Math.floor((software ? 8 : 1024) / tiles), Math.floor(K / SHORTEST_SLICE)))
}
