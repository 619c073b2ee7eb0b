import { csr } from '../../linalg/operators/csr.js'
import type { CsrOperator, Triplets } from '../../linalg/operators/csr.js'
import { norm2 } from '../../linalg/magnitude.js'
import { adjointRows, checkSides, productSteps, uploadRows } from '../kernels/compressed.js'
import type { DeviceArray } from '../engines/engine.js'
import type { Site } from './held.js'
import { gpuOperator } from './operand.js'
import type { GpuOperator } from './operand.js'
import { exponent } from './scale.js'

/** Puts a sparse matrix on the device, both A and Aᵀ, so that both products gather. */
export async function uploadCsr(given: Triplets | CsrOperator, fn: string, site: Site): Promise<GpuOperator> {
  const A = 'pointers' in given ? given : csr(given)
  checkSides(A.shape, fn, 'A')
  const { limits } = site
  const scale = exponent(A.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0))
  const arrays: DeviceArray[] = []
  const held = site.hold('the sparse matrix on the GPU', () => arrays.forEach((array) => array.free()))
  const owned = (array: DeviceArray) => void arrays.push(array)
  const byRow = await uploadRows(A, scale, site, owned)
  const byColumn = await uploadRows(adjointRows(A), scale, site, owned)
  const norm = norm2(A.values)
  return gpuOperator(A.shape, held, {
    matmat: (X) =>
      held.use('matmat', (lease) =>
        productSteps(lease, byRow, { fn: 'matmat', argument: 'X', X, scale, limits }),
      ),
    rmatmat: (Y) =>
      held.use('rmatmat', (lease) =>
        productSteps(lease, byColumn, { fn: 'rmatmat', argument: 'Y', X: Y, scale, limits }),
      ),
    // eslint-disable-next-line require-yield -- steps by contract
    *frobeniusNorm() {
      return norm
    },
  })
}
