import type { Matrix } from '../arrays.js'
import type { InexactSolve, RowSolution } from './observed.js'
import { STREAM, uniformBlock } from '../random.js'
import { eachRowSteps, factorGram, gramSteps, solveFactored, solveRowSteps } from './rowsolves.js'
import type { Problem, ProblemRow } from './rowsolves.js'
import type { SparseRows } from './sparse.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'

// The same least squares by conjugate gradients: about |Ω|k flops for each iteration where the normal equations
// take |Ω|k². What preconditions them is FᵀF, one for all rows and good for one whose entries are an even sample of the
// columns; a row that converges slowly with it gets the triangle of a sketch of its own problem. Entries of a row
// lie in random order, so neighbours share a bucket of the sketch as if they had been hashed, with random signs.

/** Multiplications between two breaths. */
const STRETCH = 2 ** 22

/** The rows of X, each from where it starts. */
export function* sketchedRowSolveSteps(
  A: SparseRows,
  F: Matrix,
  ridge: number,
  how: InexactSolve,
): Steps<RowSolution> {
  const k = F.shape[1]!
  let room: Room | undefined
  let since = 0
  return yield* eachRowSteps(A, F, ridge, 8 * k, function* (problem, row) {
    if (row.count <= how.sketch * k) return yield* solveRowSteps(problem, row)
    room ??= yield* roomSteps(problem, A, how)
    const start = how.start.data.subarray(row.index * k, (row.index + 1) * k)
    const flops = yield* iterateSteps(problem, row, room, start, how)
    since += flops
    if (since > STRETCH) {
      since = 0
      yield* breath()
    }
    return flops
  })
}

/** What iterations need beside the problem, mostly addresses. */
interface Room {
  /** The problem with the factor of FᵀF in place of its own matrix; undefined where F is rank-deficient. */
  readonly shared: Problem | undefined
  /** Rows of a sketch, where their entries begin (int32), the numbers 0, 1, 2, … (int32) and the sketch. */
  readonly size: number
  readonly buckets: number
  readonly iota: number
  readonly sketch: number
  /** ±1 for as many entries as a row has, and a number for each entry. */
  readonly signs: number
  readonly w: number
  /** Vectors of `width` numbers. */
  readonly r: number
  readonly z: number
  readonly p: number
  readonly q: number
}

function* roomSteps(problem: Problem, A: SparseRows, { sketch, seed }: InexactSolve): Steps<Room> {
  const { ws, k, width } = problem
  const n = A.shape[1]
  const longest = A.pointers.reduce((most, end, i) => Math.max(most, i > 0 ? end - A.pointers[i - 1]! : 0), 0)
  const size = sketch * k
  const vector = (): number => ws.alloc64(width)
  const room: Omit<Room, 'shared'> = {
    size,
    buckets: ws.alloc32(size + 1),
    iota: ws.alloc32(Math.max(size, n)),
    sketch: ws.alloc64(size * width),
    signs: ws.alloc64(longest),
    w: ws.alloc64(longest),
    r: vector(),
    z: vector(),
    p: vector(),
    q: vector(),
  }
  const shared = { ...problem, g: ws.alloc64(width * width) }
  const u = uniformBlock({ seed, stream: STREAM.completionSigns, i0: 0, i1: 1, j0: 0, j1: longest })
  for (let e = 0; e < longest; e++) ws.f64[room.signs / 8 + e] = u[e]! < 0.5 ? -1 : 1
  const i32 = new Int32Array(ws.f64.buffer)
  for (let t = 0; t < Math.max(size, n); t++) i32[room.iota / 4 + t] = t
  yield* gramSteps(shared, n, room.iota, problem.f)
  const density = A.values.length / A.shape[0] / n
  ws.kernels.scal(width * width, density, shared.g)
  return { ...room, shared: factorGram(shared, 0) ? shared : undefined }
}

/** Iterations from `start`, first with what all rows share. */
function* iterateSteps(
  problem: Problem,
  row: ProblemRow,
  room: Room,
  start: Float64Array,
  how: InexactSolve,
): Steps<number> {
  const { ws, k, width, ridge, f } = problem
  const { kernels, f64 } = ws
  const { count, x } = row
  const { r, w } = room
  const right = f64.slice(x / 8, x / 8 + width)
  // r = Fᵀ(m − F·x) − λx: the residual of the entries comes first, so that nothing cancels in small ones.
  f64.fill(0, x / 8, x / 8 + width)
  f64.set(start, x / 8)
  kernels.csrDots(1, width, row.pointers, row.indices, x, f, w)
  kernels.axpy(count, -1, row.values, w)
  kernels.csrTimes(1, width, row.pointers, row.indices, w, f, r)
  kernels.axpy(width, ridge, x, r)
  kernels.scal(width, -1, r)
  let flops = 4 * count * k
  let gained = 0
  if (room.shared !== undefined) {
    const found = conjugateGradients(room.shared, row, room, how, gained, SLOW)
    flops += found.flops
    if (found.done) return flops
    gained = found.gained
  }
  flops += yield* sketchSteps(problem, row, room)
  if (factorGram(problem, 0)) return flops + conjugateGradients(problem, row, room, how, gained).flops
  f64.set(right, x / 8)
  return flops + (yield* solveRowSteps(problem, row))
}

/** An iteration that leaves more than this part of the error is slower than one with a sketch would be. */
const SLOW = 0.5
/** Gains are not taken to fall faster, whatever the last did: after a large one, others are slower. */
const QUICKEST = 1 / 16
/** Iterations that are waited for before that is told. */
const PATIENCE = 3

/**
 * Preconditioned conjugate gradients on the normal equations, which are applied and not formed. They go on from the x
 * and r of the row. An iteration makes |F(x − x*)|² + λ|x − x*|² smaller by αρ (Hestenes and Stiefel 1952); they end
 * where what is left of it, told by how these gains fall, is little beside all that was `gained`. Not done where they are slower than `slow`.
 */
function conjugateGradients(
  problem: Problem,
  row: ProblemRow,
  room: Room,
  { reduction, iterations }: InexactSolve,
  gained: number,
  slow = Infinity,
): { done: boolean; gained: number; flops: number } {
  const { ws, k, width, ridge, f } = problem
  const { kernels, f64 } = ws
  const { count, pointers, indices, x } = row
  const { r, z, p, q, w } = room
  const perIteration = 4 * count * k + 2 * k * k + 10 * k
  f64.copyWithin(p / 8, r / 8, r / 8 + width)
  solveFactored(problem, p)
  let rho = kernels.dot(width, r, p)
  let [first, last] = [0, 0]
  for (let t = 0; t < iterations && rho > 0; t++) {
    kernels.csrDots(1, width, pointers, indices, p, f, w)
    kernels.csrTimes(1, width, pointers, indices, w, f, q)
    kernels.axpy(width, ridge, p, q)
    const alpha = rho / kernels.dot(width, p, q)
    if (!Number.isFinite(alpha)) return { done: true, gained, flops: (t + 1) * perIteration }
    kernels.axpy(width, alpha, p, x)
    kernels.axpy(width, -alpha, q, r)
    const gain = alpha * rho
    gained += gain
    if (t === 0) first = gain
    // What is left, where gains go on to fall as the last did.
    const rate = Math.max(gain / last, QUICKEST)
    const left = rate < 1 ? (gain * rate) / (1 - rate) : Infinity
    last = gain
    if (left <= reduction ** 2 * gained) return { done: true, gained, flops: (t + 1) * perIteration }
    if (t >= PATIENCE && gain > first * slow ** (2 * t))
      return { done: false, gained, flops: (t + 1) * perIteration }
    f64.copyWithin(z / 8, r / 8, r / 8 + width)
    solveFactored(problem, z)
    const next = kernels.dot(width, r, z)
    kernels.scal(width, next / rho, p)
    kernels.axpy(width, 1, z, p)
    rho = next
  }
  return { done: true, gained, flops: iterations * perIteration }
}

/** The Gram matrix of the sketched rows of F, ready to be factored: G ≈ Σ f·fᵀ. */
function* sketchSteps(problem: Problem, row: ProblemRow, room: Room): Steps<number> {
  const { ws, k, width, f } = problem
  const { size, buckets, iota, sketch, signs } = room
  const i32 = new Int32Array(ws.f64.buffer)
  for (let b = 0; b <= size; b++) i32[buckets / 4 + b] = Math.floor((b * row.count) / size)
  ws.kernels.csrTimes(size, width, buckets, row.indices, signs, f, sketch)
  yield* gramSteps(problem, size, iota, sketch)
  return 2 * row.count * k + size * k * (k + 1) + k ** 3 / 3
}
