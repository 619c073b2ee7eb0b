import { variants } from './wgsl.js'
import type { Variant } from './wgsl.js'

// Which form of the product is fastest differs between devices by an order of magnitude, so the device is
// asked: once for each side (A·X, Aᵀ·X) and class of widths of X, when the first product comes for which it pays. What
// a form then makes of a width is known: it computes whole tiles.

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

/** Widths of X that are told apart, the width that is timed, and the variants worth asking. */
const classes = [
  { upTo: 16, width: 16, candidates: ['tile64x16', 'register4x4', 'register8x4'] },
  { upTo: 32, width: 32, candidates: ['tile64x32', 'tile128x32', 'tile64x16', 'register4x8'] },
  {
    upTo: Infinity,
    width: 128,
    candidates: ['tile64x32', 'tile128x32', 'tile64x64', 'register4x8'],
  },
] as const

/** Software renderers compile a kernel with barriers for seconds, and then run it slowly: not worth asking. */
const withoutBarriers = ['register8x4', 'register4x8', 'register4x4'] as const

/** Without a measurement: what is safe to suppose. */
const supposed = {
  software: { variant: variants.register8x4, speed: 1e9 },
  hardware: [variants.tile64x16, variants.tile64x32, variants.tile64x64].map((variant) => ({
    variant,
    speed: 1e12,
  })),
}

/** Seconds that a timing lasts at least on hardware: clocks rise with work. */
const LONG_ENOUGH = 0.01
/** Turns of the candidates, of which the fastest counts. */
const TURNS = 3

export class Tuner {
  private readonly known = new Map<string, Promise<readonly Choice[]>>()

  constructor(
    private readonly software: boolean,
    private readonly forced: Variant | undefined,
    /** Seconds that a choice takes. */
    private readonly time: (choice: Choice, timing: Timing) => Promise<number>,
  ) {}

  /** The form for a product of so many flops. */
  async choose(transposed: boolean, k: number, flops: number): Promise<Choice> {
    const at = classes.findIndex(({ upTo }) => k <= upTo)
    const guess = { transposed, ...(this.software ? supposed.software : supposed.hardware[at]!) }
    if (this.forced) return { ...guess, variant: this.forced }
    const key = `${transposed} ${at}`
    let speeds = this.known.get(key)
    if (!speeds) {
      // Asking costs some ten products of the timing's size.
      if (flops < (this.software ? 2 ** 27 : 2 ** 28)) return guess
      // Where there is no room for a measurement there may still be room for the product.
      speeds = this.measure(guess, at).catch(() => [guess])
      this.known.set(key, speeds)
    }
    return fastestFor(k, await speeds)
  }

  private async measure(guess: Choice, at: number): Promise<Choice[]> {
    const { width, candidates } = classes[at]!
    const size = this.software
      ? { rows: 256, cols: 256, k: Math.min(width, 64) }
      : { rows: 8192, cols: 2048, k: width }
    const names = this.software ? withoutBarriers : candidates
    const best = names.map((name) => ({ ...guess, variant: variants[name], speed: 0 }))
    let repeats = 1
    // The first run of a form compiles it.
    for (const choice of best) await this.time({ ...choice, speed: guess.speed }, { ...size, repeats })
    while (!this.software && repeats < 256) {
      if ((await this.time(guess, { ...size, repeats })) > LONG_ENOUGH) break
      repeats *= 2
    }
    const flops = 2 * size.rows * size.cols * size.k * repeats
    for (let turn = 0; turn < (this.software ? 1 : TURNS); turn++) {
      for (const choice of best) {
        const seconds = await this.time({ ...choice, speed: guess.speed }, { ...size, repeats })
        choice.speed = Math.max(choice.speed, flops / Math.max(seconds, 1e-6))
      }
    }
    return best
  }
}

/** Tiles are computed whole, so a form loses what its last one sticks out. */
function fastestFor(k: number, choices: readonly Choice[]): Choice {
  const useful = ({ variant: { bn }, speed }: Choice): number => (speed * k) / (bn * Math.ceil(k / bn))
  return choices.reduce((best, choice) => (useful(choice) > useful(best) ? choice : best))
}
