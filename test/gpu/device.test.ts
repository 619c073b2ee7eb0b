import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import { create } from 'webgpu'
import { openWith } from '../../src/gpu/device.js'
import {
  DisposedError,
  GpuLostError,
  GpuMemoryError,
  GpuUnavailableError,
  openGpu,
} from '../../src/gpu/index.js'
import { MissingPeerError, OptionError, random, zeros } from '../../src/linalg/index.js'
import { glFound } from './gl.js'
import { counted } from './counted.js'
import { entry } from './webgpu.js'

// Opening, sharing, losing and giving back devices.

describe('what is not there is said', () => {
  test.each(['webgl2', 'webgl', ...(glFound ? [] : ['headlessgl' as const])] as const)(
    '%s in Node',
    async (backend) => {
      await expect(openGpu({ backend })).rejects.toBeInstanceOf(GpuUnavailableError)
    },
  )

  test('webgpu without an entry point', async () => {
    await expect(openGpu({ backend: 'webgpu' })).rejects.toThrow('no WebGPU adapter')
  })

  test("'auto' without a GPU", async () => {
    await expect(openGpu()).rejects.toMatchObject({
      code: 'GPU_UNAVAILABLE',
      message: expect.stringContaining('CPU path') as string,
    })
  })

  test('options that are none', async () => {
    await expect(openGpu({ backend: 'gpu' as 'cpu' })).rejects.toBeInstanceOf(OptionError)
    await expect(openGpu({ gpu: {} as GPU })).rejects.toBeInstanceOf(OptionError)
    await expect(openGpu({ device: 1 } as object)).rejects.toBeInstanceOf(OptionError)
  })

  test('gpu.js is not installed', async () => {
    const load = () => Promise.reject(new Error("Cannot find package 'gpu.js'"))
    const opening = openWith({ backend: 'cpu' }, { load })
    await expect(opening).rejects.toBeInstanceOf(MissingPeerError)
    await expect(opening).rejects.toThrow('npm install gpu.js')
  })

  test('an adapter request that fails', async () => {
    const broken = { requestAdapter: () => Promise.reject(new Error('no')) } as unknown as GPU
    await expect(openGpu({ backend: 'webgpu', gpu: broken })).rejects.toBeInstanceOf(GpuUnavailableError)
  })

  test('nothing of it is said on the console', async () => {
    const spies = (['log', 'warn', 'error'] as const).map((name) => vi.spyOn(console, name))
    await openGpu({ backend: 'headlessgl' }).catch(() => undefined)
    const gpu = await openGpu({ backend: 'webasm' })
    await (await gpu.matrix([[1, 2]])).matmat(zeros([2, 1]))
    gpu.dispose()
    for (const spy of spies) {
      expect(spy).not.toHaveBeenCalled()
      spy.mockRestore()
    }
  })
})

test('a backend that GPU.js exchanges is refused', async () => {
  // A webasm whose kernels are of another class than webasm's.
  const gpujs = (await import('gpu.js')) as unknown as Record<string, unknown>
  const exchanged = { ...gpujs, GPU: gpujs['GPU'], WebAssemblyKernel: class Other {} }
  const opening = openWith({ backend: 'webasm' }, { load: () => Promise.resolve(exchanged) })
  await expect(opening).rejects.toThrow('expected the backend webasm, given a kernel that GPU.js ran as')
})

describe('sharing', () => {
  test('each dispose is for one open, and matrices go with their gpu', async () => {
    const first = await openGpu({ backend: 'cpu' })
    const second = await openGpu({ backend: 'cpu' })
    const A = await first.matrix([[2]])
    const B = await second.matrix([[3]])
    first.dispose()
    first.dispose()
    const X = random.normal([1, 1], { seed: 1 })
    await expect(A.matmat(X)).rejects.toBeInstanceOf(DisposedError)
    await expect(first.matrix([[1]])).rejects.toBeInstanceOf(DisposedError)
    expect((await B.matmat(X)).data[0]).toBeCloseTo(3 * X.data[0]!, 5)
    second.dispose()
    A.dispose()
    await expect(B.matmat(X)).rejects.toBeInstanceOf(DisposedError)
  })

  test('using', async () => {
    let kept
    {
      using gpu = await openGpu({ backend: 'cpu' })
      using A = await gpu.matrix([[2]])
      kept = A
    }
    await expect(kept.matmat(zeros([1, 1]))).rejects.toBeInstanceOf(DisposedError)
  })

  test('a product that runs while its gpu is disposed ends well', async () => {
    const gpu = await openWith({ backend: 'webasm' }, { limits: { bytes: 256 } })
    const A = await gpu.matrix(random.normal([20, 20], { seed: 1 }))
    const answer = A.matmat(random.normal([20, 3], { seed: 2 }))
    gpu.dispose()
    expect((await answer).shape).toEqual([20, 3])
  })
})

describe.skipIf(!entry)('webgpu', () => {
  test("'auto' refuses SwiftShader", async () => {
    await expect(openGpu({ gpu: entry })).rejects.toThrow(/SwiftShader/)
  })

  test('navigator.gpu is taken where there is one, and left as it was', async () => {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
    Object.defineProperty(globalThis, 'navigator', { value: { gpu: entry }, configurable: true })
    const gpu = await openGpu({ backend: 'webgpu' })
    expect(navigator.gpu).toBe(entry)
    gpu.dispose()
    delete (globalThis as { navigator?: unknown }).navigator
    if (before) Object.defineProperty(globalThis, 'navigator', before)
    const again = await openGpu({ backend: 'webgpu', gpu: entry })
    expect(Object.getOwnPropertyDescriptor(globalThis, 'navigator')).toEqual(before)
    again.dispose()
  })

  test('1000 products leave nothing on the device', { timeout: 120_000 }, async () => {
    const { gpu: source, live, made } = counted(entry!)
    const gpu = await openGpu({ backend: 'webgpu', gpu: source })
    const A = await gpu.matrix(random.normal([70, 40], { seed: 1 }))
    const X = random.normal([40, 4], { seed: 2 })
    const Y = random.normal([70, 4], { seed: 3 })
    expect(live.size).toBe(1)
    for (let i = 0; i < 500; i++) {
      await A.matmat(X)
      await A.rmatmat(Y)
      expect(live.size).toBe(1)
    }
    expect(made()).toBeGreaterThan(1000)
    A.dispose()
    expect(live.size).toBe(0)
    gpu.dispose()
  })

  test('calls that fail leave nothing on the device', async () => {
    const { gpu: source, live } = counted(entry!)
    const gpu = await openWith({ backend: 'webgpu', gpu: source }, { limits: { bytes: 1024 } })
    await expect(gpu.matrix([[1], [NaN]])).rejects.toThrow()
    const A = await gpu.matrix(random.normal([70, 40], { seed: 1 }))
    const held = live.size
    await expect(A.matmat(zeros([3, 1]))).rejects.toThrow()
    await expect(A.normal!(random.normal([40, 1], { seed: 1 }).hi(40, 1))).resolves.toBeDefined()
    expect(live.size).toBe(held)
    gpu.dispose()
    expect(live.size).toBe(0)
  })

  test('no room is a GpuMemoryError, and leaves what was there', async () => {
    const { gpu: source, devices, live } = counted(entry!)
    const gpu = await openGpu({ backend: 'webgpu', gpu: source })
    const A = await gpu.matrix([[1, 2]])
    const device = devices[0]!
    const createBuffer = device.createBuffer
    // Far beyond what the device allows: the driver itself refuses.
    device.createBuffer = (wanted) => createBuffer.call(device, { ...wanted, size: 2 ** 45 })
    await expect(gpu.matrix([[1, 2]])).rejects.toThrow()
    device.createBuffer = () => {
      throw new RangeError('createBuffer: size is too large')
    }
    await expect(gpu.matrix([[1, 2]])).rejects.toBeInstanceOf(GpuMemoryError)
    await expect(A.matmat(zeros([2, 1]))).rejects.toBeInstanceOf(GpuMemoryError)
    device.createBuffer = createBuffer
    expect(live.size).toBe(1)
    expect((await A.matmat(zeros([2, 1]))).data[0]).toBe(0)
    gpu.dispose()
  })

  test('a lost device is a GpuLostError; a new one works', async () => {
    const { gpu: source, devices } = counted(entry!)
    const said = vi.spyOn(console, 'error')
    const gpu = await openGpu({ backend: 'webgpu', gpu: source })
    const A = await gpu.matrix([[1, 2]])
    devices[0]!.destroy()
    const X = zeros([2, 1])
    await expect(A.matmat(X)).rejects.toBeInstanceOf(GpuLostError)
    await expect(A.matmat(X)).rejects.toBeInstanceOf(GpuLostError)
    await expect(gpu.matrix([[1]])).rejects.toBeInstanceOf(GpuLostError)
    const fresh = await openGpu({ backend: 'webgpu', gpu: source })
    const B = await fresh.matrix([[1, 2]])
    // The old one goes without taking the new one with it.
    A.dispose()
    gpu.dispose()
    expect((await B.matmat(X)).data[0]).toBe(0)
    expect(devices.length).toBe(2)
    fresh.dispose()
    expect(said).not.toHaveBeenCalled()
    said.mockRestore()
  })

  test('an entry point that nobody else holds stays alive', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const gpu = await openGpu({ backend: 'webgpu', gpu: create([]) })
    const A = await gpu.matrix([[1, 2]])
    for (let i = 0; i < 5; i++) {
      collect()
      await new Promise((resolve) => setTimeout(resolve, 1))
      expect((await A.matmat(zeros([2, 1]))).data[0]).toBe(0)
    }
    gpu.dispose()
  })

  test("GPU.js's own device is used and left alone", async () => {
    const { GPU } = await import('gpu.js')
    const { gpu: source, devices } = counted(entry!)
    Object.defineProperty(globalThis, 'navigator', { value: { gpu: source }, configurable: true })
    const other = new GPU({ mode: 'webgpu' as 'gpu' })
    const double = other.createKernel('function (a) { return 2 * a[this.thread.x]; }', { output: [3] })
    await Promise.resolve(double([1, 2, 3]))
    const gpu = await openGpu({ backend: 'webgpu' })
    await (await gpu.matrix([[1, 2]])).matmat(zeros([2, 1]))
    gpu.dispose()
    expect(Array.from((await Promise.resolve(double([1, 2, 3]))) as Float32Array)).toEqual([2, 4, 6])
    expect(devices.length).toBe(1)
    devices[0]!.destroy()
    await devices[0]!.lost
    delete (globalThis as { navigator?: unknown }).navigator
  })

  test('a device that is lost during a product', async () => {
    const { gpu: source, devices } = counted(entry!)
    const gpu = await openWith({ backend: 'webgpu', gpu: source }, { limits: { bytes: 1024 } })
    const A = await gpu.matrix(random.normal([60, 40], { seed: 1 }))
    const answer = A.matmat(random.normal([40, 4], { seed: 1 }))
    await new Promise((resolve) => setTimeout(resolve, 1))
    devices[0]!.destroy()
    await expect(answer).rejects.toBeInstanceOf(GpuLostError)
    gpu.dispose()
  })

  test('opening twice at one time makes one device, and disposing gives it back', async () => {
    const { gpu: source, devices } = counted(entry!)
    const [a, b] = await Promise.all([1, 2].map(() => openGpu({ backend: 'webgpu', gpu: source })))
    expect(devices.length).toBe(1)
    const ended = vi.spyOn(devices[0]!, 'destroy')
    a!.dispose()
    expect(ended).not.toHaveBeenCalled()
    b!.dispose()
    await devices[0]!.lost
    const c = await openGpu({ backend: 'webgpu', gpu: source })
    expect(devices.length).toBe(2)
    c.dispose()
  })
})
