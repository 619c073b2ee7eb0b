import type { Matrix } from './arrays.js'
import type { InexactSolve, RowSolution } from './observed.js'
import { STREAM, uniformBlock } from './random.js'
import { eachRowSteps, factorGram, gramSteps, solveFactored, solveRowSteps } from './rowsolves.js'
import type { Problem, ProblemRow } from './rowsolves.js'
import type { SparseRows } from './sparse.js'
import { breath } from './steps.js'
import type { Steps } from './steps.js'

// The same least squares by conjugate gradients, preconditioned with the triangle of a sketch of the row's problem:
// about |Ω|k flops for each iteration where the normal equations take |Ω|k². Entries of a row lie in random
// order, so neighbours share a bucket of the sketch as if they had been hashed, with random signs.

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
  const longest = A.pointers.reduce((most, end, i) => Math.max(most, i > 0 ? end - A.pointers[i - 1]! : 0), 0)
  let room: Room | undefined
  let since = 0
  return yield* eachRowSteps(A, F, ridge, 8 * k, function* (problem, row) {
    if (row.count <= how.sketch * k) return yield* solveRowSteps(problem, row)
    room ??= makeRoom(problem, how, longest)
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

/** Addresses of what iterations need beside the problem. */
interface Room {
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

function makeRoom({ ws, k, width }: Problem, { sketch, seed }: InexactSolve, longest: number): Room {
  const size = sketch * k
  const room: Room = {
    size,
    buckets: ws.alloc32(size + 1),
    iota: ws.alloc32(size),
    sketch: ws.alloc64(size * width),
    signs: ws.alloc64(longest),
    w: ws.alloc64(longest),
    r: ws.alloc64(width),
    z: ws.alloc64(width),
    p: ws.alloc64(width),
    q: ws.alloc64(width),
  }
  const u = uniformBlock({ seed, stream: STREAM.completionSigns, i0: 0, i1: 1, j0: 0, j1: longest })
  ws.f64.set(
    u.map((x) => (x < 0.5 ? -1 : 1)),
    room.signs / 8,
  )
  const i32 = new Int32Array(ws.f64.buffer)
  for (let t = 0; t < size; t++) i32[room.iota / 4 + t] = t
  return room
}

/** Preconditioned conjugate gradients on the normal equations, which are applied and not formed. */
function* iterateSteps(
  problem: Problem,
  row: ProblemRow,
  room: Room,
  start: Float64Array,
  how: InexactSolve,
): Steps<number> {
  const { ws, k, width, ridge, f } = problem
  const { kernels, f64 } = ws
  const { count, pointers, indices, x } = row
  const { r, z, p, q, w } = room
  const times = (v: number, to: number): void => {
    kernels.csrDots(1, width, pointers, indices, v, f, w)
    kernels.csrTimes(1, width, pointers, indices, w, f, to)
  }
  const right = f64.slice(x / 8, x / 8 + width)
  const [perProduct, perSolve] = [4 * count * k, 2 * k * k]
  let flops = yield* sketchSteps(problem, row, room)
  if (!factorGram(problem, 0)) {
    f64.set(right, x / 8)
    return flops + (yield* solveRowSteps(problem, row))
  }
  // r = Fᵀ(m − F·x) − λx: the residual of the entries comes first, so that nothing cancels in small ones.
  f64.fill(0, x / 8, x / 8 + width)
  f64.set(start, x / 8)
  kernels.csrDots(1, width, pointers, indices, x, f, w)
  kernels.axpy(count, -1, row.values, w)
  kernels.csrTimes(1, width, pointers, indices, w, f, r)
  kernels.axpy(width, ridge, x, r)
  kernels.scal(width, -1, r)
  flops += perProduct
  const precondition = (): number => {
    f64.copyWithin(z / 8, r / 8, r / 8 + width)
    solveFactored(problem, z)
    flops += perSolve
    return kernels.dot(width, r, z)
  }
  let rho = precondition()
  const goal = how.reduction ** 2 * rho
  f64.copyWithin(p / 8, z / 8, z / 8 + width)
  for (let t = 0; t < how.iterations && rho > goal; t++) {
    times(p, q)
    kernels.axpy(width, ridge, p, q)
    flops += perProduct
    const alpha = rho / kernels.dot(width, p, q)
    if (!Number.isFinite(alpha)) break
    kernels.axpy(width, alpha, p, x)
    kernels.axpy(width, -alpha, q, r)
    const next = precondition()
    kernels.scal(width, next / rho, p)
    kernels.axpy(width, 1, z, p)
    rho = next
  }
  return flops
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
