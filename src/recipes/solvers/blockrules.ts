import { blockRootSteps, rootAdjointTimes, rootTimes } from '../../linalg/dense/blockroot.js'
import type { BlockRoot } from '../../linalg/dense/blockroot.js'
import { dense, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { symmetricEigenSteps } from '../../linalg/dense/eigh.js'
import { largestIndices } from '../../linalg/dense/largest.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import type { Steps } from '../../linalg/steps.js'

// Which block is taken next, and how far it moves.

export type Rule = 'gs' | 'gsl' | 'gsd' | 'gsq' | 'random' | 'cyclic'

/** A block of coordinates and what is known of its part H_bb of the Hessian. */
export interface Curvature {
  readonly indices: Int32Array
  /** L_b = ‖H_bb‖₂ */
  readonly L: number
  /** Of H_bb⁺. */
  readonly root: BlockRoot
}

/** The block `indices`, from its columns of A (H_bb = CᵀC) or of H. */
export function* curvatureSteps(indices: Int32Array, C: Matrix, quadratic: boolean): Steps<Curvature> {
  const k = indices.length
  let H: Matrix
  if (quadratic) {
    H = wrap(new Float64Array(k * k), k, k)
    indices.forEach((i, row) => H.data.set(C.data.subarray(i * k, i * k + k), row * k))
  } else {
    H = (yield* multiplySteps(dense(C.transpose(1, 0)), dense(C))) as Matrix
  }
  const view = dense(H)
  const { values } = yield* symmetricEigenSteps(view, 'none')
  return { indices, L: Math.max(0, values.at(-1) ?? 0), root: yield* blockRootSteps(view) }
}

/** What the rules see of the iterate. */
export interface Sight {
  readonly x: Float64Array
  readonly g: Float64Array
  /** The subgradient of least norm: g itself without l1. */
  readonly s: Float64Array
  readonly l1: number
}

/** sᵢ of least magnitude in gᵢ + l1·∂|xᵢ|. */
export function leastSubgradient(x: Float64Array, g: Float64Array, l1: number): Float64Array {
  if (l1 === 0) return g
  const s = new Float64Array(g.length)
  for (let i = 0; i < s.length; i++) {
    s[i] = x[i] === 0 ? shrunk(g[i]!, l1) : g[i]! + l1 * Math.sign(x[i]!)
  }
  return s
}

/** The soft threshold: the number nearest to 0 within `by` of x. */
const shrunk = (x: number, by: number): number => Math.sign(x) * Math.max(0, Math.abs(x) - by)

/** The coordinates of largest sᵢ² ('gs') or sᵢ²/Lᵢ ('gsd'). */
export function variableBlock(rule: Rule, { s }: Sight, L: Float64Array, size: number): Int32Array {
  const keys = new Float64Array(s.length)
  for (let i = 0; i < s.length; i++) keys[i] = rule === 'gs' ? s[i]! ** 2 : overL(s[i]! ** 2, L[i]!)
  return largestIndices(keys, size)
}

/** The index of the block that the rule takes in step t. */
export function chosenBlock(
  rule: Rule,
  blocks: readonly Curvature[],
  at: Sight,
  L: Float64Array,
  t: number,
  seed: number,
): number {
  if (rule === 'cyclic') return t % blocks.length
  if (rule === 'random') {
    const u = uniformBlock({ seed, stream: STREAM.descentBlock, i0: t, i1: t + 1, j0: 0, j1: 1 })
    return Math.floor(u[0]! * blocks.length)
  }
  const scores = Float64Array.from(blocks, (block) => score(rule, block, at, L))
  return largestIndices(scores, 1)[0]!
}

function score(rule: Rule, block: Curvature, at: Sight, L: Float64Array): number {
  const { s, l1 } = at
  if (rule === 'gsq' && l1 === 0) return squares(rootTimes(block.root, s, block.indices))
  if (rule === 'gsq') return modelDecrease(block, at)
  let total = 0
  for (const i of block.indices) total += rule === 'gsd' ? overL(s[i]! ** 2, L[i]!) : s[i]! ** 2
  return rule === 'gsl' ? overL(total, block.L) : total
}

/** A coordinate or block that f does not depend on has no gradient, and is never the one to take. */
const overL = (square: number, L: number): number => (L > 0 ? square / L : 0)

const squares = (y: Float64Array): number => y.reduce((sum, yi) => sum + yi * yi, 0)

/** By how much the step lowers gᵀd + (L_b/2)·‖d‖² + l1·‖x + d‖₁. */
function modelDecrease(block: Curvature, at: Sight): number {
  const d = blockStep(block, at)
  let change = 0
  block.indices.forEach((i, j) => {
    change += at.g[i]! * d[j]! + (block.L / 2) * d[j]! ** 2
    change += at.l1 * (Math.abs(at.x[i]! + d[j]!) - Math.abs(at.x[i]!))
  })
  return -change
}

/** The step of a block: to the minimum over it, or with l1 the proximal step of length 1/L_b. */
export function blockStep({ indices, L, root }: Curvature, { x, g, l1 }: Sight): Float64Array {
  if (l1 === 0) return rootAdjointTimes(root, rootTimes(root, g, indices)).map((value) => -value)
  return Float64Array.from(indices, (i) => (L > 0 ? shrunk(x[i]! - g[i]! / L, l1 / L) - x[i]! : -x[i]!))
}
