import { relaxed } from './generated/relaxed.js'
import { simd } from './generated/simd.js'
import type { KernelInstance, KernelVariant, Kernels } from './kernels.js'
import { plainInstance } from './plain.js'

// Which kernels run here: relaxed SIMD before SIMD before plain TypeScript. Everything happens at the first
// call; the modules are small enough to be compiled synchronously, on a browser's main thread too.

const BINARIES = { relaxed, simd }

/** Tiny modules that are valid where the instructions exist: i8x16.popcnt, f64x2.relaxed_madd. */
const PROBES = {
  simd: [10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
  relaxed: [10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 135, 2, 11],
}
const PROBE_HEAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0]

const modules = new Map<KernelVariant, WebAssembly.Module>()
let chosen: KernelVariant | undefined

/** The variant that new instances have. */
export function kernelsInUse(): KernelVariant {
  return (chosen ??= best())
}

/** Chooses a variant, or the best one again; throws where it cannot run. Workspaces are not told: see there. */
export function chooseKernels(variant: KernelVariant | 'auto'): void {
  if (variant !== 'auto' && !runs(variant)) throw new Error(`the ${variant} kernels cannot run here`)
  chosen = variant === 'auto' ? best() : variant
}

/** Kernels with a fresh memory. */
export function instantiate(variant: KernelVariant): KernelInstance {
  if (variant === 'plain') return plainInstance()
  // The maximum of 4 GiB reserves addresses, not memory.
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 })
  const exports = new WebAssembly.Instance(compiled(variant), { env: { memory } })
    .exports as unknown as Kernels & {
    stackBase(): number
  }
  return { kernels: exports, memory, base: exports.stackBase() }
}

function best(): KernelVariant {
  return runs('relaxed') ? 'relaxed' : runs('simd') ? 'simd' : 'plain'
}

/** A content security policy may forbid what the engine could do: then compiling throws. */
function runs(variant: KernelVariant): boolean {
  if (variant === 'plain') return true
  if (typeof WebAssembly !== 'object') return false
  if (!WebAssembly.validate(Uint8Array.from([...PROBE_HEAD, ...PROBES[variant]]))) return false
  try {
    compiled(variant)
    return true
  } catch {
    return false
  }
}

function compiled(variant: 'relaxed' | 'simd'): WebAssembly.Module {
  let module = modules.get(variant)
  if (module === undefined) {
    const binary = Uint8Array.from(atob(BINARIES[variant]), (character) => character.charCodeAt(0))
    modules.set(variant, (module = new WebAssembly.Module(binary)))
  }
  return module
}
