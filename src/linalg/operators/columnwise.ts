import { dense } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { normsOfColumns } from '../magnitude.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'

// Vector operations on all columns of contiguous n × k matrices at once, with a scalar for each column: what
// an iterative solver does between two products, for k right-hand sides in lockstep.

/** Numbers worked on between two breaths: about a millisecond. */
const STRETCH = 2 ** 19

/** Ranges [from, to) of entries, whole rows each, that make up an n × k matrix. */
function* stretches(n: number, k: number): Generator<readonly [from: number, to: number]> {
  const rows = Math.max(1, Math.floor(STRETCH / Math.max(k, 1)))
  for (let i = 0; i < n; i += rows) yield [i * k, Math.min(n, i + rows) * k]
}

/** y += a·x, column by column. */
export function* addScaledSteps(Y: Matrix, a: Float64Array, X: Matrix): Steps<void> {
  const [n = 0, k = 0] = X.shape
  const [x, y] = [X.data, Y.data]
  for (const [from, to] of stretches(n, k)) {
    for (let e = from; e < to; e += k) for (let j = 0; j < k; j++) y[e + j]! += a[j]! * x[e + j]!
    yield* breath()
  }
}

/** y = x + a·y, column by column. */
export function* scaleAndAddSteps(Y: Matrix, a: Float64Array, X: Matrix): Steps<void> {
  const [n = 0, k = 0] = X.shape
  const [x, y] = [X.data, Y.data]
  for (const [from, to] of stretches(n, k)) {
    for (let e = from; e < to; e += k) for (let j = 0; j < k; j++) y[e + j] = x[e + j]! + a[j]! * y[e + j]!
    yield* breath()
  }
}

/** xᵀy of each column. */
export function* dotSteps(X: Matrix, Y: Matrix): Steps<Float64Array> {
  const [n = 0, k = 0] = X.shape
  const [x, y] = [X.data, Y.data]
  const sums = new Float64Array(k)
  for (const [from, to] of stretches(n, k)) {
    for (let e = from; e < to; e += k) for (let j = 0; j < k; j++) sums[j]! += x[e + j]! * y[e + j]!
    yield* breath()
  }
  return sums
}

/** ‖x‖₂ of each column, safe from overflow and underflow. */
export const columnNorms = (X: Matrix): Float64Array => normsOfColumns(dense(X))

/** Divides each column that is not zero by its norm, and gives the norms. */
export function normalizeColumns(X: Matrix): Float64Array {
  const [n = 0, k = 0] = X.shape
  const norms = columnNorms(X)
  for (let j = 0; j < k; j++) {
    if (norms[j] === 0) continue
    // The quotient, since 1/norm of a subnormal norm is infinite.
    for (let i = 0, e = j; i < n; i++, e += k) X.data[e]! /= norms[j]!
  }
  return norms
}
