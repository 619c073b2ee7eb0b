import { openWith } from '../../src/gpu/device.js'
import { paddedTo4, withScratch } from '../../src/gpu/engines/engine.js'
import type { Engine } from '../../src/gpu/engines/engine.js'
import type { Gpu } from '../../src/gpu/index.js'
import type { Tuner } from '../../src/gpu/engines/tune.js'
import { variants } from '../../src/gpu/engines/wgsl.js'
import type { Variant } from '../../src/gpu/engines/wgsl.js'
import { filled } from './methods.js'
import type { PeerWork } from './peers.js'

// The products that sketches are made of, A·X and Aᵀ·Y with a thin X or Y on resident data: every WGSL form, and the one
// that the tuner takes.

interface Sides {
  readonly rows: number
  readonly cols: number
  readonly k: number
  readonly transposed: boolean
}

export interface ThinProduct extends Sides {
  readonly title: string
  readonly peer: PeerWork
}

export interface ThinTiming {
  readonly name: string
  readonly seconds: number
}

/** Flops per second of a form within one submission, as the tuner found them: without allocations and waits. */
export interface TunedSpeed {
  readonly side: string
  readonly variant: string
  readonly speed: number
}

/** What the tuner of a device has found so far. */
export async function tunedSpeeds(gpu: Gpu): Promise<TunedSpeed[]> {
  const { tuner } = gpu['engine'] as unknown as { tuner: Tuner }
  const speeds: TunedSpeed[] = []
  for (const [key, choices] of tuner['known']) {
    const [transposed, at] = key.split(' ')
    const side = `${transposed === 'true' ? 'Aᵀ·Y' : 'A·X'}, k ${['≤ 16', '≤ 32', '> 32'][Number(at)]!}`
    for (const { variant, speed } of await choices) speeds.push({ side, variant: variant.name, speed })
  }
  return speeds
}

/** Products that are handed over before the device is waited for, so that waiting does not count. */
const TURNS = 10

export function thinProducts(small: boolean): ThinProduct[] {
  const sides = small ? [[2048, 256, 16] as const] : [[60_000, 784, 30] as const, [8192, 8192, 74] as const]
  return sides.flatMap(([rows, cols, k]) =>
    [false, true].map((transposed) => ({
      title: `${transposed ? 'Aᵀ·Y' : 'A·X'} of ${rows}×${cols}, k = ${k}`,
      rows,
      cols,
      k,
      transposed,
      peer: { kind: transposed ? 'thinT' : 'thin', device: 'cuda', n: rows, d: cols, k } as const,
    })),
  )
}

/** The least seconds of one product of each form; the first is what the library does by itself. */
export async function thinForms(entry: GPU, work: ThinProduct, rounds: number): Promise<ThinTiming[]> {
  const timings: ThinTiming[] = []
  const forms: [string, Variant | undefined][] = [
    ['lowrank, by its own choice', undefined],
    ...Object.values(variants).map((variant): [string, Variant] => [variant.name, variant]),
  ]
  for (const [name, variant] of forms) {
    const gpu = await openWith({ backend: 'webgpu', gpu: entry }, variant ? { variant } : {})
    timings.push({ name, seconds: await seconds(gpu, work, rounds) })
    gpu.dispose()
  }
  return timings
}

async function seconds(gpu: Gpu, { rows, cols, k, transposed }: Sides, rounds: number): Promise<number> {
  const engine = gpu['engine']
  return withScratch(async (own) => {
    const data = filled(rows * cols)
    const A = own(
      await engine.upload(rows, cols, (first, count) => data.subarray(first * cols, (first + count) * cols)),
    )
    const [width, inner] = [paddedTo4(k), paddedTo4(transposed ? rows : cols)]
    const X = own(await engine.array(filled(inner * width), [width, inner], 'held'))
    let best = Infinity
    for (let round = 0; round <= rounds; round++) {
      const start = performance.now()
      for (let turn = 0; turn < TURNS; turn++) (await engine.product(A, transposed, X)).free()
      await finished(engine)
      if (round > 0) best = Math.min(best, (performance.now() - start) / 1000 / TURNS)
    }
    return best
  })
}

/** Waits for the device: what a kernel has made is only promised when its call returns. */
export async function finished(engine: Engine): Promise<void> {
  const { context } = engine as unknown as { context?: { device: GPUDevice } }
  await context?.device.queue.onSubmittedWorkDone()
}

/** Makes the tuner ask, for both sides and k columns. */
export async function tuneFor(gpu: Gpu, k: number): Promise<void> {
  const work = { rows: 16_384, cols: 2048, k }
  for (const transposed of [false, true]) await seconds(gpu, { ...work, transposed }, 1)
}
