import { csr } from '../linalg/csr.js'
import type { CsrOperator, Triplets } from '../linalg/csr.js'
import { ShapeError } from '../linalg/errors.js'
import { norm2 } from '../linalg/magnitude.js'
import type { Matrix } from '../linalg/arrays.js'
import type { Steps } from '../linalg/steps.js'
import type { DeviceArray } from './engine.js'
import { adjointRows, gatherPart, uploadSide } from './gather.js'
import type { Side } from './gather.js'
import type { Site } from './held.js'
import { gpuOperator } from './operand.js'
import type { GpuOperator } from './operand.js'
import { exponent } from './scale.js'
import { sweepSteps } from './sweep.js'

// A sparse matrix on the device: both A and Aᵀ are held, so that both products gather.

/** Indices travel as float32. */
const EXACT = 2 ** 24

/** Puts a sparse matrix on the device. */
export async function uploadCsr(given: Triplets | CsrOperator, fn: string, site: Site): Promise<GpuOperator> {
  const A = 'pointers' in given ? given : csr(given)
  const [m, n] = A.shape
  if (Math.max(m, n) > EXACT) {
    const expected = `sides of at most ${EXACT}, up to which float32 counts exactly`
    throw new ShapeError({ fn, argument: 'A', expected, given: `${m}×${n}` })
  }
  const scale = exponent(A.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0))
  const arrays: DeviceArray[] = []
  const held = site.hold('the sparse matrix on the GPU', () => arrays.forEach((array) => array.free()))
  const byRow = await uploadSide(A, scale, site, arrays)
  const byColumn = await uploadSide(adjointRows(A), scale, site, arrays)
  const norm = norm2(A.values)
  const product = (X: Matrix, fn: string, argument: string, rows: number, side: Side): Steps<Matrix> =>
    held.use(fn, (lease) => {
      const parts = [gatherPart(side, X.shape[0]!)]
      return sweepSteps(lease, { fn, argument, X, rows, scale, limits: site.limits, parts })
    })
  return gpuOperator([m, n], held, {
    matmat: (X) => product(X, 'matmat', 'X', m, byRow),
    rmatmat: (Y) => product(Y, 'rmatmat', 'Y', n, byColumn),
    // eslint-disable-next-line require-yield -- steps by contract
    *frobeniusNorm() {
      return norm
    },
  })
}
