import { volume } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import type { Triplets } from '../../linalg/operators/csr.js'
import { norm2 } from '../../linalg/magnitude.js'
import { factorOf, observedEntries } from '../../linalg/operators/observed.js'
import type {
  AsyncObservedOperand,
  ObservedSteps,
  RowSolve,
  Side as Where,
} from '../../linalg/operators/observed.js'
import type { SparseRows } from '../../linalg/operators/sparse.js'
import { runAsync, wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { checkSides, productSteps, sumOverRow, uploadRows } from '../kernels/compressed.js'
import type { Side } from '../kernels/compressed.js'
import type { DeviceArray, KernelSource } from '../engines/engine.js'
import type { Lease, Site } from './held.js'
import { normalEquationSteps } from './normalequations.js'
import { gpuOperator } from './operand.js'
import type { OnGpu } from './operand.js'
import { residualSteps } from './residual.js'
import type { Sides } from './residual.js'
import { exponent, factors } from './scale.js'

// Some entries of a matrix on the device, by rows and by columns. A residual has the same places: it shares the arrays
// of indices, and has values of its own.

/** Some entries of a matrix that lie on a device: what `completeMatrix` works on. A residual is to be disposed too. */
export interface GpuObserved extends AsyncObservedOperand, OnGpu {
  /** The same places with M − U·Vᵀ, left on the device. */
  residual(U: Matrix, V: Matrix): Promise<GpuObserved>
  dispose(): void
}

/** Where the entries are: arrays that are freed with the last operand that has these places. */
class Places {
  private users = 0

  constructor(
    readonly count: number,
    private readonly arrays: readonly DeviceArray[],
  ) {}

  enter(): void {
    this.users++
  }

  leave(): void {
    if (--this.users === 0) for (const array of this.arrays) array.free()
  }
}

/** Entries on the device: 2^scale times what lies there. */
interface Entries extends Sides {
  readonly places: Places
  /** ‖P(M)‖_F, where it is known. */
  readonly norm?: number
}

/** Puts observed entries on the device. */
export async function uploadObserved(given: Triplets, fn: string, site: Site): Promise<GpuObserved> {
  volume(given.shape, fn)
  checkSides(given.shape, fn, 'shape')
  const { byRow, byCol } = observedEntries(given, fn)
  const { values } = byRow
  const scale = exponent(values.reduce((most, value) => Math.max(most, Math.abs(value)), 0))
  const made: DeviceArray[] = []
  const upload = (rows: SparseRows) => uploadRows(rows, scale, site, (array) => void made.push(array))
  try {
    const [onRow, onCol] = [await upload(byRow), await upload(byCol())]
    const indices = [onRow, onCol].flatMap(({ slices }) => slices.map((slice) => slice.indices))
    const places = new Places(values.length, indices)
    return operandOf({ places, byRow: onRow, byCol: onCol, scale, norm: norm2(values) }, site)
  } catch (error) {
    for (const array of made) array.free()
    throw error
  }
}

/** Takes the arrays of values over, and a share in the places. */
function operandOf(entries: Entries, site: Site): GpuObserved {
  const { places, byRow, byCol, scale } = entries
  const { limits } = site
  const [m, n] = byRow.shape
  const held = site.hold('the observed entries on the GPU', () => {
    for (const { slices } of [byRow, byCol]) for (const { values } of slices) values.free()
    places.leave()
  })
  places.enter()
  let { norm } = entries
  const product = (side: Side, fn: string, argument: string, X: Matrix): Steps<Matrix> =>
    held.use(fn, (lease) => productSteps(lease, side, { fn, argument, X, scale, limits }))
  const steps: ObservedSteps = {
    matmat: (X) => product(byRow, 'matmat', 'X', X),
    rmatmat: (Y) => product(byCol, 'rmatmat', 'Y', Y),
    *frobeniusNorm() {
      return (norm ??= yield* held.use('frobeniusNorm', (lease) => normSteps(lease, byRow, scale)))
    },
    *solve(which, given, { ridge }) {
      const side = which === 'rows' ? byRow : byCol
      const F = factorOf(given, side.shape[1], 'F', 'solve')
      return yield* held.use('solve', (lease) =>
        normalEquationSteps(lease, side, { F, ridge, scale, limits, entries: places.count }),
      )
    },
    *residual(left, right) {
      const [U, V] = [factorOf(left, m, 'U', 'residual'), factorOf(right, n, 'V', 'residual')]
      return yield* held.use('residual', function* (lease) {
        const made: DeviceArray[] = []
        try {
          const sides = yield* residualSteps(lease, entries, { U, V, limits }, made)
          return operandOf({ places, ...sides }, site)
        } catch (error) {
          for (const array of made) array.free()
          throw error
        }
      })
    },
  }
  return Object.assign(gpuOperator(byRow.shape, held, steps), {
    steps,
    count: places.count,
    solve: (side: Where, F: Matrix, how: RowSolve) => runAsync(steps.solve(side, F, how)),
    residual: (U: Matrix, V: Matrix) => runAsync(steps.residual(U, V)) as Promise<GpuObserved>,
    frobeniusNorm: () => runAsync(steps.frobeniusNorm!()),
  })
}

/** ‖P(M)‖_F: the device adds squares along the rows of the slices, the host these. */
function* normSteps(lease: Lease, { slices }: Side, scale: number): Steps<number> {
  let sum = 0
  for (const { length, count, values } of slices) {
    const squares = yield* wait(lease.run((engine) => engine.compute(squaresKernel(length, count), [values])))
    for (const square of squares) sum += square
  }
  const [f, g] = factors(scale)
  return Math.sqrt(sum) * f * g
}

function squaresKernel(length: number, count: number): KernelSource {
  const term = (p: string) => `values[this.thread.x][${p}] * values[this.thread.x][${p}]`
  return { source: `function (values) { ${sumOverRow(length, term)} return s; }`, output: [count] }
}
