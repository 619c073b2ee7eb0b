import { dense, flip, wrap } from '../../linalg/arrays.js'
import type { Matrix, VectorLike } from '../../linalg/arrays.js'
import { addScaledSteps } from '../../linalg/operators/columnwise.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { ConvergenceError, OptionError } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import type { AsyncLinearOperator, Operand, SyncOperand } from '../../linalg/operators.js'
import {
  integer,
  nonNegative,
  oneOf,
  optional,
  readOptions,
  seed,
  withDefault,
} from '../../linalg/options.js'
import { adjointProduct, columnsOf, product } from '../../linalg/products.js'
import { fromSteps, report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { blockStep, chosenBlock, curvatureSteps, leastSubgradient, variableBlock } from './blockrules.js'
import type { Curvature, Rule, Sight } from './blockrules.js'
import type { BlockCoordinateDescentOptions, DescentResult, DescentStep } from './descentoptions.js'
import { objectiveOf, partitionOf, scaledProblemSteps } from './descentproblem.js'

const FN = 'blockCoordinateDescent'

/**
 * Least squares or a convex quadratic, with or without l1·‖x‖₁, by greedy block coordinate descent from x = 0: each
 * step minimises over one block b. For gradient g and Hessian H the rules take the block of largest
 * 'gs' ‖g_b‖, 'gsl' ‖g_b‖²/‖H_bb‖₂, 'gsd' Σ gᵢ²/Hᵢᵢ, 'gsq' g_bᵀH_bb⁻¹g_b, twice the decrease; 'random' and 'cyclic'
 * look at nothing. Variable blocks ('gs' and 'gsd') take the coordinates of the largest gᵢ² or gᵢ²/Hᵢᵢ.
 * With l1 a step is a proximal one of length 1/‖H_bb‖₂, g in the rules is the subgradient of least norm, and
 * 'gsq' compares the decrease of the quadratic model.
 *
 * @param A - m × n matrix or operator; n × n, symmetric and semidefinite (its diagonal is checked) for 'quadratic'.
 * @param b - m numbers.
 * @returns `x`, the objective, and of each step its block and the objective after it.
 * @throws ConvergenceError, with the last iterate as `best`, after `maxIterations`; OptionError for a rule that does
 * not go with the blocks, or blocks that miss or repeat a coordinate; NotPositiveDefiniteError; ShapeError;
 * NotFiniteError.
 * Cost: per step the columns of the block, 2m·|b| flops to keep A·x − b, and with a greedy rule the gradient: a
 * product of one column with Aᵀ for 'leastSquares', nothing for 'quadratic'; 'gsq' n·|b| flops more. Fixed blocks
 * read A once at the start and factor each H_bb once; variable ones read its columns once and factor one block a
 * step. Memory: m + 6n and n·|b| numbers.
 * Source: Nutini, Laradji and Schmidt 2022, "Let's make block coordinate descent converge faster", sections 3 and 4.
 * Departures: H_bb⁺ by eigenvectors, so that a singular block is no special case; their message passing, and losses
 * whose Hessian moves, are not here.
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * const { x } = solvers.blockCoordinateDescent([[1, 0], [1, 1], [1, 2]], [1, 2, 2], { blockSize: 1 })   // 1.1666…, 0.5
 * ```
 */
export const blockCoordinateDescent: {
  (A: SyncOperand, b: VectorLike, options?: BlockCoordinateDescentOptions): DescentResult
  (A: AsyncLinearOperator, b: VectorLike, options?: BlockCoordinateDescentOptions): Promise<DescentResult>
  async(A: Operand, b: VectorLike, options?: BlockCoordinateDescentOptions): Promise<DescentResult>
} = /*#__PURE__*/ fromSteps(descentSteps, 2) as never

const GREEDY: readonly Rule[] = ['gs', 'gsl', 'gsd', 'gsq']

function* descentSteps(
  given: Operand,
  right: VectorLike,
  options?: BlockCoordinateDescentOptions,
): Steps<DescentResult> {
  const plan = readOptions(FN, options, {
    form: withDefault(oneOf('leastSquares', 'quadratic'), 'leastSquares'),
    rule: optional(oneOf(...GREEDY, 'random', 'cyclic')),
    blocks: (value, fail) => {
      if (value === undefined || value === 'variable' || value === 'fixed') return value ?? 'variable'
      return Array.isArray(value)
        ? (value as ArrayLike<number>[])
        : fail("'variable' | 'fixed' | index lists")
    },
    blockSize: withDefault(integer(1), 5),
    l1: withDefault(nonNegative, 0),
    rtol: withDefault(nonNegative, 2 ** -26),
    maxIterations: optional(integer(0)),
    seed,
  })
  const quadratic = plan.form === 'quadratic'
  const variable = plan.blocks === 'variable'
  const rule = plan.rule ?? (variable ? 'gsd' : 'gsq')
  if (variable && rule !== 'gs' && rule !== 'gsd') {
    const expected = "'gs' or 'gsd' for variable blocks"
    throw new OptionError({ fn: FN, argument: 'options.rule', expected, given: `'${rule}'` })
  }
  const operand = yield* operandSteps(given, FN, 'A')
  const { A, b, l1, L, ofX, ofF } = yield* scaledProblemSteps(FN, operand, right, quadratic, plan.l1)
  const [m, n] = A.shape
  const partition = variable ? [] : partitionOf(FN, plan.blocks, plan.blockSize, n)
  const epoch = variable ? Math.ceil(n / plan.blockSize) : partition.length
  const maxIterations = plan.maxIterations ?? 1000 * epoch
  const blocks: Curvature[] = []
  for (const indices of partition) {
    blocks.push(yield* curvatureSteps(indices, yield* columnsOf(A, indices), quadratic))
    yield* report(FN, 'factor blocks', blocks.length, epoch)
  }

  const x = new Float64Array(n)
  // A·x − b, which for a quadratic is the gradient.
  const r = b.map((value) => -value)
  let fresh = true
  let g: Float64Array = new Float64Array(n)
  let reference = 0
  const history: DescentStep[] = []
  for (let t = 0; ;) {
    const look = GREEDY.includes(rule) || t % epoch === 0 || t === maxIterations || fresh
    if (quadratic) g = r
    else if (look) g = (yield* adjointProduct(A, wrap(r, m, 1))).data
    if (t === 0 && fresh) reference = norm2(g)
    const s = leastSubgradient(x, g, l1)
    const at: Sight = { x, g, s, l1 }
    if (look) {
      const size = norm2(s)
      const small = size <= plan.rtol * reference
      if (small && !fresh) {
        // What was kept has gathered rounding: once more from x.
        r.set((yield* product(A, wrap(x, n, 1))).data)
        yield* addScaledSteps(wrap(r, m, 1), Float64Array.of(-1), wrap(b, m, 1))
        fresh = true
        continue
      }
      if (small || t >= maxIterations) {
        const best: DescentResult = {
          x: x.map((value) => ofX * value),
          objective: ofF * objectiveOf(x, r, b, l1, quadratic),
          residual: size === 0 ? 0 : size / reference,
          iterations: t,
          history,
        }
        if (small) return best
        throw notConverged(plan.rtol, best)
      }
    }
    let block: Curvature
    let C
    if (variable) {
      const indices = variableBlock(rule, at, L, plan.blockSize)
      C = yield* columnsOf(A, indices)
      block = yield* curvatureSteps(indices, C, quadratic)
    } else {
      block = blocks[chosenBlock(rule, blocks, at, L, t, plan.seed)]!
      C = yield* columnsOf(A, block.indices)
      if (!look && !quadratic) {
        const part = yield* multiplySteps(flip(dense(C)), dense(wrap(r, m, 1)))
        block.indices.forEach((i, j) => (g[i] = part.data[j]!))
      }
    }
    const d = blockStep(block, at)
    block.indices.forEach((i, j) => (x[i]! += d[j]!))
    const move = yield* multiplySteps(dense(C), dense(wrap(d, d.length, 1)))
    yield* addScaledSteps(wrap(r, m, 1), Float64Array.of(1), move as Matrix)
    fresh = false
    t++
    history.push({ block: block.indices.slice(), objective: ofF * objectiveOf(x, r, b, l1, quadratic) })
    yield* report(FN, 'iterate', t, maxIterations)
  }
}

function notConverged(rtol: number, best: DescentResult): ConvergenceError<DescentResult> {
  const { residual, iterations } = best
  const expected = `a gradient of at most ${rtol} of that at 0`
  const given = `${residual} after ${iterations} steps, the most allowed`
  return new ConvergenceError({ fn: FN, argument: 'A', expected, given, iterations, residual, best })
}
