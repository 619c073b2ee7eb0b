import type { Backend } from './engine.js'
import { GpuUnavailableError } from '../errors.js'
import { adapterName, glRenderer } from './gpujs.js'
import type { GpuJs } from './gpujs.js'

// What is there: adapters, and whether there is a GPU behind them.

/** A WebGPU entry point, as `navigator.gpu` is one. */
export interface WebGpuEntry {
  /** That of `navigator.gpu`: null where there is no adapter. */
  requestAdapter(options?: { powerPreference?: 'low-power' | 'high-performance' }): Promise<object | null>
}

/** Dawn (the package webgpu) crashes the process where an entry point is collected before all that came from it. */
const entries = new Set<WebGpuEntry>()

/** The backend with a hardware GPU behind it. */
export async function hardware(js: GpuJs, entry: WebGpuEntry | undefined): Promise<Backend> {
  const adapter = await requestAdapter(entry)
  if (adapter && !isSoftware(adapter)) return 'webgpu'
  const renderer = glRenderer(js, 'webgl2')
  if (renderer !== undefined && !softwareNames.test(renderer)) return 'webgl2'
  const found = [
    adapter ? `WebGPU on ${adapterName(adapter)}` : 'no WebGPU adapter',
    renderer === undefined ? 'no WebGL 2' : `WebGL 2 on ${renderer}`,
  ]
  throw new GpuUnavailableError('auto', found.join(', '))
}

/** The fastest adapter of an entry point, or of `navigator.gpu`. */
export async function requestAdapter(entry: WebGpuEntry | undefined): Promise<GPUAdapter | null> {
  const gpu =
    entry ?? (typeof navigator === 'undefined' ? undefined : (navigator as { gpu?: WebGpuEntry }).gpu)
  if (!gpu) return null
  entries.add(gpu)
  const adapter =
    (await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null)) ??
    (await gpu.requestAdapter().catch(() => null))
  return adapter as GPUAdapter | null
}

const softwareNames = /swiftshader|llvmpipe|lavapipe|softpipe|swrast|software|basic render|\bwarp\b|\bcpu\b/i

/** True where an adapter computes on the CPU. */
export function isSoftware(adapter: GPUAdapter): boolean {
  const fallback = (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter
  return (
    fallback === true || adapter.info?.isFallbackAdapter === true || softwareNames.test(adapterName(adapter))
  )
}
