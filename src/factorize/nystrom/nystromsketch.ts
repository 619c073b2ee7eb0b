import { emptyMatrix } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { gaussianSteps } from '../../linalg/gaussian.js'
import { precisionOf } from '../../linalg/operators.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { columnsOf, product } from '../../linalg/products.js'
import { orthonormalizeSteps } from '../../linalg/dense/qr.js'
import { STREAM } from '../../linalg/random.js'
import { breath, report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { beside, columnRange, leadingColumns } from '../../linalg/thin.js'
import { innerSteps } from '../lowrank.js'
import { PROBES } from '../probes.js'
import { divideRowsSteps, rowsAmong, shiftedCholeskySteps, sizeSteps, symmetrize } from './psd.js'
import type { Factor } from './psd.js'

// The two sketches Y = A·Ω of Tropp, Yurtsever, Udell and Cevher 2017: Ω a random basis, or columns of the identity.

/** What columns or products of A give. */
export interface Sketched {
  readonly factor: Factor
  readonly indices: Int32Array
  readonly passes: number
  readonly AG?: Matrix
  readonly outside?: number
}

/** Â + ν·I = E·Eᵀ from Y = A·Ω with orthonormal Ω. */
export function* gaussianSketchSteps(
  fn: string,
  A: AnyOperator,
  l: number,
  seed: number,
  G?: Matrix,
): Steps<Sketched> {
  const n = A.shape[0]
  yield* report(fn, 'product', 0, 1)
  const Omega = yield* orthonormalizeSteps(yield* gaussianSteps(n, 0, l, STREAM.testMatrix, seed))
  const AX = yield* product(A, G === undefined ? Omega : beside([Omega, G], n))
  yield* report(fn, 'product', 1, 1)
  const Y = G === undefined ? AX : leadingColumns(AX, l)
  const B = yield* innerSteps(Omega, Y)
  const factor = yield* coreSteps(fn, A, Y, B, (nu) => {
    for (let e = 0; e < Y.data.length; e++) Y.data[e]! += nu * Omega.data[e]!
  })
  const sketched = { factor, indices: new Int32Array(0), passes: 1 }
  return G === undefined ? sketched : { ...sketched, AG: columnRange(AX, l, l + PROBES) }
}

/** The same where Ω is the columns S of the identity. */
export function* columnFactorSteps(fn: string, A: AnyOperator, S: Int32Array): Steps<Factor> {
  yield* report(fn, 'columns', 0, 1)
  const Y = yield* columnsOf(A, S)
  yield* report(fn, 'columns', 1, 1)
  return yield* coreSteps(fn, A, Y, rowsAmong(Y, S), (nu) => {
    S.forEach((i, t) => (Y.data[i * S.length + t]! += nu))
  })
}

/** E = (Y + νΩ)·L⁻ᵀ in the place of Y, with L·Lᵀ = B + ν·I; `shift` adds νΩ to Y. */
function* coreSteps(
  fn: string,
  A: AnyOperator,
  Y: Matrix,
  B: Matrix,
  shift: (nu: number) => void,
): Steps<Factor> {
  const precision = precisionOf(A)
  const size = yield* sizeSteps(Y)
  if (size === 0) return { E: emptyMatrix(A.shape[0], 0), nu: 0 }
  symmetrize(B, size, fn, precision)
  const start = Math.sqrt(A.shape[0]) * precision * size
  const { L, nu } = yield* shiftedCholeskySteps(B, start, size, fn, precision)
  shift(nu)
  yield* breath()
  yield* divideRowsSteps(Y, L)
  return { E: Y, nu }
}
