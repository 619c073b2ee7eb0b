import { KC, MC, MR, NC, NR } from './blocks'

// Where things lie in the memory: static data, the packing areas of gemm, then the stack of the workspace.

// @ts-ignore: decorator
@inline
const LINE: usize = 64

/** One register tile of C, for tiles that stick out of C or whose columns are not contiguous. */
// @ts-ignore: decorator
@inline
export function tileArea(): usize {
  return (__heap_base + LINE - 1) & ~(LINE - 1)
}

/** A packed block of A: MC × KC, in panels of MR rows. */
// @ts-ignore: decorator
@inline
export function packedA(): usize {
  return tileArea() + 1024
}

/** A packed block of B: KC × NC, in panels of NR columns. */
// @ts-ignore: decorator
@inline
export function packedB(): usize {
  return packedA() + (<usize>(MC + MR) * KC * 8)
}

/** The first free address. */
export function stackBase(): usize {
  return packedB() + <usize>(NC + NR<f64>()) * KC * 8
}
