import { random } from '../../../src/index.js'
import { openGpu } from '../../../src/gpu/index.js'
import type { Gpu } from '../../../src/gpu/index.js'
import { laws } from '../../gpu/all.js'
import { mixedCalls } from '../../gpu/mixed.js'

// Runs in the page. What really ran is counted at the browser's own doors, not asked of the library.

export type Backend = 'webgl2' | 'webgpu'

const calls = { webgl2: 0, webgpu: 0 }
const devices: GPUDevice[] = []
let context: WebGL2RenderingContext | undefined

const { drawArrays } = WebGL2RenderingContext.prototype
WebGL2RenderingContext.prototype.drawArrays = function (...args) {
  calls.webgl2++
  context = this // eslint-disable-line @typescript-eslint/no-this-alias
  drawArrays.apply(this, args)
}

const { submit } = GPUQueue.prototype
GPUQueue.prototype.submit = function (...args) {
  calls.webgpu++
  return submit.apply(this, args)
}

const { requestDevice } = GPUAdapter.prototype
GPUAdapter.prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args)
  devices.push(device)
  return device
}

const textures = new Set<WebGLTexture>()
const { createTexture, deleteTexture } = WebGL2RenderingContext.prototype
WebGL2RenderingContext.prototype.createTexture = function () {
  const texture = createTexture.call(this)
  textures.add(texture)
  return texture
}
WebGL2RenderingContext.prototype.deleteTexture = function (texture) {
  if (texture) textures.delete(texture)
  deleteTexture.call(this, texture)
}

/** A thousand calls of all kinds: throws where more textures are there after them than after five hundred. */
export async function runMixedCalls(count: number): Promise<string> {
  const gpu = await openGpu({ backend: 'webgl2' })
  try {
    await mixedCalls(gpu, count, () => textures.size)
    return gpu.backend
  } finally {
    gpu.dispose()
  }
}

export interface LawRun {
  /** What `gpu.backend` says. */
  readonly backend: string
  /** How often each kind of device was given work. */
  readonly calls: Record<Backend, number>
}

let opened: Gpu | undefined

/** Runs one law, all of a page on the same device; what does not hold is thrown. */
export async function runLaw(name: string, backend: Backend): Promise<LawRun> {
  const before = { ...calls }
  opened ??= await openGpu({ backend })
  await laws[name]!(opened)
  return {
    backend: opened.backend,
    calls: { webgl2: calls.webgl2 - before.webgl2, webgpu: calls.webgpu - before.webgpu },
  }
}

/** What 'auto' answers with where there is only a software renderer. */
export async function openAuto(): Promise<{ backend: string } | { code: unknown; message: string }> {
  try {
    const gpu = await openGpu({ backend: 'auto' })
    gpu.dispose()
    return { backend: gpu.backend }
  } catch (error) {
    return { code: (error as { code?: unknown }).code, message: (error as Error).message }
  }
}

/** Takes the device away under a resident matrix: what the next product says, and whether a new start works. */
export async function loseDevice(backend: Backend): Promise<{ code: unknown; again: string }> {
  const gpu = await openGpu({ backend })
  const X = random.normal([8, 2], { seed: 2 })
  const A = await gpu.matrix(random.normal([8, 8], { seed: 1 }))
  await A.matmat(X)
  if (backend === 'webgpu') {
    const device = devices[devices.length - 1]!
    device.destroy()
    await device.lost
  } else {
    const gl = context!
    const lost = new Promise((resolve) => gl.canvas.addEventListener('webglcontextlost', resolve))
    gl.getExtension('WEBGL_lose_context')!.loseContext()
    await lost
  }
  const code = await A.matmat(X).then(
    () => 'no error',
    (error: unknown) => (error as { code?: unknown }).code,
  )
  A.dispose()
  gpu.dispose()
  const fresh = await openGpu({ backend })
  const B = await fresh.matrix(random.normal([8, 8], { seed: 1 }))
  await B.matmat(X)
  B.dispose()
  const again = fresh.backend
  fresh.dispose()
  return { code, again }
}
