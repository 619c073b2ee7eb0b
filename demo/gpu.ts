import { LinAlgError, pca } from '../src/index.js'
import type { Matrix, Progress } from '../src/index.js'
import type { DigitsReport } from './digits.js'

export interface GpuReport {
  /** One line on what happened. */
  readonly line: string
  /** True where the PCA ran on a GPU. */
  readonly ran: boolean
}

/** The same PCA with the data on a GPU, where one answers. Without one the demo goes on. */
export async function digitsOnGpu(
  X: Matrix<Float32Array>,
  { rank, model, seconds }: Pick<DigitsReport, 'rank' | 'model' | 'seconds'>,
  onProgress: (progress: Progress) => void,
): Promise<GpuReport> {
  try {
    const { openGpu } = await import('../src/gpu/index.js')
    using gpu = await openGpu({ backend: 'auto', ...(await nodeGpu()) })
    const started = performance.now()
    using A = await gpu.matrix(X)
    const uploaded = performance.now()
    const there = await pca(A, { rank, onProgress })
    const finished = performance.now()
    const difference = Math.max(
      ...there.singularValues.map((s, j) => Math.abs(s / model.singularValues[j]! - 1)),
    )
    return {
      ran: true,
      line:
        `  ${((finished - uploaded) / 1000).toFixed(2)} s on the GPU (${gpu.backend}), kernels compiled on the way, after ` +
        `${((uploaded - started) / 1000).toFixed(2)} s of upload; the CPU took ${seconds.toFixed(2)} s. ` +
        `Singular values agree to ${difference.toExponential(0)}.`,
    }
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0]! : String(error)
    const unavailable = error instanceof LinAlgError && error.code === 'GPU_UNAVAILABLE'
    const reason = unavailable ? (message.split(', given ')[1] ?? message) : message
    return { ran: false, line: `  No GPU took part here (${reason}). Nothing else needs one.` }
  }
}

/** Kept for the life of the process: Dawn crashes where its entry point is collected before its devices. */
let dawn: GPU | undefined

/** WebGPU for Node from the package webgpu, where its binary loads here; a browser or a newer Node has its own. */
async function nodeGpu(): Promise<{ gpu?: GPU }> {
  if ((globalThis.navigator as Navigator | undefined)?.gpu) return {}
  try {
    const { create, globals } = await import('webgpu')
    Object.assign(globalThis, globals)
    return { gpu: (dawn ??= create([])) }
  } catch {
    return {}
  }
}
