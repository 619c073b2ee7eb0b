import { random } from '../../src/index.js'
import type { Gpu } from '../../src/gpu/index.js'
import { withScratch } from '../../src/gpu/engines/engine.js'
import type { Block, DeviceArray, Engine, KernelSource } from '../../src/gpu/engines/engine.js'
import { productKernel } from '../../src/gpu/engines/kernels.js'
import { rotated } from '../measure.js'
import { finished } from './shapes.js'

// The forms of a square product that this library has, on resident data, beside GPU.js's plain kernel. On a software
// renderer only their ratios mean anything.

export interface FormTiming {
  readonly name: string
  readonly seconds: number
}

/** One thread an entry, as anyone would write it. */
const naive = (n: number): KernelSource => ({
  source: `function (a, b) {
    let s = 0;
    for (let k = 0; k < ${n}; k++) { s += a[this.thread.y][k] * b[k][this.thread.x]; }
    return s;
  }`,
  output: [n, n],
})

/** Seconds of each form of C = A·B, all n × n and on the device, the least of some turns. */
export async function productForms(gpu: Gpu, n: number, rounds: number): Promise<FormTiming[]> {
  const engine = gpu['engine']
  return withScratch(async (own) => {
    const data = Float32Array.from(random.normal([n, n], { seed: 1 }).data)
    const A = own(await engine.upload(n, n, (first, count) => data.subarray(first * n, (first + count) * n)))
    const B = own(await engine.array(data, [n, n], 'held'))
    const forms = [
      { name: 'GPU.js, one entry a thread', run: () => engine.run(naive(n), [A, B]) },
      { name: 'GPU.js, 2 × 2 a thread, four k a round', run: () => portable(engine, A, B, n) },
      ...(engine.backend === 'webgpu' ? [{ name: 'WGSL', run: () => engine.product(A, false, B) }] : []),
    ]
    const best = forms.map(() => Infinity)
    for (let round = 0; round <= rounds; round++) {
      for (const [i, { run }] of rotated([...forms.entries()], round)) {
        const start = performance.now()
        const made = await run()
        await finished(engine)
        const seconds = (performance.now() - start) / 1000
        made.free()
        if (round > 0) best[i] = Math.min(best[i]!, seconds)
      }
    }
    return forms.map(({ name }, i) => ({ name, seconds: best[i]! }))
  })
}

const portable = (engine: Engine, A: Block, B: DeviceArray, n: number): Promise<DeviceArray> =>
  engine.backend === 'webgpu' ? engine.run(productKernel(A, false, n), [A, B]) : engine.product(A, false, B)
