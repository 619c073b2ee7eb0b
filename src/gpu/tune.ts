import { variants } from './wgsl.js'
import type { Variant } from './wgsl.js'

// Which form of the product is fastest differs between devices by an order of magnitude, so the device is
// asked: once for each side (A·X, Aᵀ·X) and width of X, when the first product comes for which it pays.

export interface Choice {
  readonly transposed: boolean
  readonly variant: Variant
  /** Flops per second, as far as is known. */
  readonly speed: number
}

/** [rows, cols, k, repeats] */
type Timing = readonly [number, number, number, number]

/** Widths of X that are told apart, each with the variants worth asking. */
const classes = [
  { width: 16, candidates: ['tile64x16', 'register4x4', 'register8x4'] },
  { width: 32, candidates: ['tile64x32', 'tile128x32', 'register4x4', 'register8x4', 'register4x8'] },
  { width: Infinity, candidates: ['tile64x64', 'tile128x32', 'register8x4', 'register4x8'] },
] as const

/** Software renderers compile a kernel with barriers for seconds, and then run it slowly: not worth asking. */
const withoutBarriers = ['register8x4', 'register4x8', 'register4x4'] as const

/** Without a measurement: what is safe to suppose. */
const supposed = {
  software: { variant: variants.register8x4, speed: 1e9 },
  hardware: [variants.tile64x16, variants.tile64x32, variants.tile64x64].map((variant) => ({
    variant,
    speed: 1e11,
  })),
}

export class Tuner {
  private readonly chosen = new Map<string, Promise<Choice>>()

  constructor(
    private readonly software: boolean,
    private readonly forced: Variant | undefined,
    /** Seconds that a choice takes. */
    private readonly time: (choice: Choice, timing: Timing) => Promise<number>,
  ) {}

  /** The form for a product of so many flops. */
  choose(transposed: boolean, k: number, flops: number): Promise<Choice> {
    const at = classes.findIndex(({ width }) => k <= width)
    const guess = { transposed, ...(this.software ? supposed.software : supposed.hardware[at]!) }
    if (this.forced) return Promise.resolve({ ...guess, variant: this.forced })
    const key = `${transposed} ${at}`
    let choice = this.chosen.get(key)
    if (!choice) {
      // Asking costs some ten products of the timing's size.
      if (flops < (this.software ? 2 ** 27 : 2 ** 28)) return Promise.resolve(guess)
      choice = this.measure(guess, at)
      choice.catch(() => this.chosen.delete(key))
      this.chosen.set(key, choice)
    }
    return choice
  }

  private async measure(guess: Choice, at: number): Promise<Choice> {
    const { width, candidates } = classes[at]!
    const k = Math.min(width, 64)
    const [rows, cols] = this.software ? [256, 256] : [4096, 1024]
    const flops = 2 * rows * cols * k
    // The first run compiles; after it, repeat until a run is long enough for the clock.
    await this.time(guess, [rows, cols, k, 1])
    let repeats = 1
    if (!this.software) {
      while (repeats < 256 && (await this.time(guess, [rows, cols, k, repeats])) < 0.005) repeats *= 4
    }
    let best = guess
    for (const name of this.software ? withoutBarriers : candidates) {
      const choice = { ...guess, variant: variants[name] }
      await this.time(choice, [rows, cols, k, 1])
      const seconds = await this.time(choice, [rows, cols, k, repeats])
      const speed = (flops * repeats) / Math.max(seconds, 1e-6)
      if (best === guess || speed > best.speed) best = { ...choice, speed }
    }
    return best
  }
}
