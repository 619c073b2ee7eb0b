// How PEFT's folder names what is in it.

export const CONFIG = 'adapter_config.json'
export const MODEL = 'adapter_model.safetensors'

/** The two files of a PEFT adapter, by name. */
export interface PeftFiles {
  readonly [CONFIG]: string
  readonly [MODEL]: Uint8Array
}

/** What precedes the name of a module, since PEFT wraps the model twice. */
export const PREFIX = 'base_model.model.'
export const DOWN = '.lora_A.weight'
export const UP = '.lora_B.weight'
export const MAGNITUDE = '.lora_magnitude_vector'

/** What an exception from the default rank or alpha is filed under: a regular expression that matches this name alone. */
export const patternOf = (name: string): string => `^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}`

/** The number of a `rank_pattern` or `alpha_pattern` for a module: that of the first key that matches its end. */
export function matching(pattern: Readonly<Record<string, number>>, name: string): number | undefined {
  const key = Object.keys(pattern).find((key) => new RegExp(`^(?:.*\\.)?(?:${key})$`).test(name))
  return key === undefined ? undefined : pattern[key]
}

/** α with s = α/r to the bit; an integer where there is one, as PEFT has it. */
export function alphaOf(scaling: number, r: number): number {
  const whole = Math.round(scaling * r)
  return whole / r === scaling ? whole : scaling * r
}
