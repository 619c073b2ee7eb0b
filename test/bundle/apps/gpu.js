import { random, rsvd } from 'lowrank'
import { openGpu } from 'lowrank/gpu'

// An application as a user would write it: the test bundles it for production and calls it in the browser.

/** rsvd of a matrix on the GPU and of the same matrix on the CPU. */
export async function compare(backend) {
  const array = random.normal([60, 40], { seed: 1 })
  const gpu = await openGpu({ backend })
  try {
    const A = await gpu.matrix(array)
    const onGpu = await rsvd(A, { rank: 5 })
    A.dispose()
    const onCpu = rsvd(array, { rank: 5 })
    return { backend: gpu.backend, onGpu: Array.from(onGpu.s), onCpu: Array.from(onCpu.s) }
  } finally {
    gpu.dispose()
  }
}
