import { bool, integer, optional, positive, seed, withDefault } from '../../linalg/options.js'

/** What every low-rank adapter's configuration holds, by PEFT's names. */
export interface LoraConfig {
  /** The rank, at most min(m, n). */
  readonly r: number
  /** α > 0: s = α/r, or α/√r with `useRslora`. Default r, so that s = 1 (PEFT's is 8 for any r). */
  readonly loraAlpha?: number | undefined
  /** Rank-stabilised scaling (Kalajdzievski 2023). Default false. */
  readonly useRslora?: boolean | undefined
  /** An integer in [0, 2⁵³): one for each layer, or layers of a shape start alike. Default 0. */
  readonly seed?: number | undefined
}

export const loraReaders = {
  r: integer(1),
  loraAlpha: optional(positive),
  useRslora: withDefault(bool, false),
  seed,
}

/** s = α/r or α/√r. */
export function loraScaling({
  r,
  loraAlpha = r,
  useRslora,
}: {
  readonly r: number
  readonly loraAlpha: number | undefined
  readonly useRslora: boolean
}): number {
  return loraAlpha / (useRslora ? Math.sqrt(r) : r)
}
