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

/** A product to be timed: A rows×cols, X of k columns. */
export interface Timing {
  readonly rows: number
  readonly cols: number
  readonly k: number
  readonly repeats: number
}

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
      // Where there is no room for a measurement there may still be room for the product.
      choice = this.measure(guess, at).catch(() => guess)
      this.chosen.set(key, choice)
    }
    return choice
  }

  private async measure(guess: Choice, at: number): Promise<Choice> {
    const { width, candidates } = classes[at]!
    const k = Math.min(width, 64)
    const size = this.software ? { rows: 256, cols: 256, k } : { rows: 8192, cols: 2048, k }
    let repeats = 1
    // The first run of a form compiles it. Repeat until a run is long enough for the clock.
    await this.time(guess, { ...size, repeats })
    while (!this.software && repeats < 256) {
      if ((await this.time(guess, { ...size, repeats })) > 0.005) break
      repeats *= 4
    }
    let best: Choice | undefined
    for (const name of this.software ? withoutBarriers : candidates) {
      const choice = { ...guess, variant: variants[name] }
      await this.time(choice, { ...size, repeats: 1 })
      const seconds = await this.time(choice, { ...size, repeats })
      const speed = (2 * size.rows * size.cols * k * repeats) / Math.max(seconds, 1e-6)
      if (best === undefined || speed > best.speed) best = { ...choice, speed }
    }
    return best!
  }
}
