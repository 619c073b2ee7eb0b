import { wrap } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { NotPositiveDefiniteError } from '../errors.js'
import { operatorFromSteps } from '../operators.js'
import type { LinearOperator } from '../operators.js'
import { readOptions, withDefault } from '../options.js'
import { relaxation, rowRanges, splittingOf } from './splitting.js'
import type { Entries, Splitting } from './splitting.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'

/** How `ssor` relaxes. */
export interface SsorOptions {
  /** ω in (0, 2). Default 1, symmetric Gauss–Seidel. */
  readonly omega?: number | undefined
}

/**
 * A preconditioner for `cg` from a sweep of over-relaxation forward and one back: P⁻¹ with
 * P = ω/(2 − ω)·(D/ω + L)·D⁻¹·(D/ω + L)ᵀ, for a symmetric A = L + D + Lᵀ of positive diagonal. It is symmetric
 * positive definite for every ω in (0, 2); with the right ω it takes the root of the iterations for a grid's Laplacian.
 *
 * @param A - n × n matrix, or `csr(…)`, symmetric: the diagonal and what is below it are read, and not copied where
 * they are compressed rows.
 * @returns an operator, whose product with R is P⁻¹R.
 * @throws NotPositiveDefiniteError with the index of the first diagonal entry that is not positive;
 * SingularMatrixError for a 0 there; ShapeError; NotFiniteError; OptionError.
 * Cost: as a product with A. Memory: 4n numbers.
 * Source: Sheldon 1955, "On the numerical solution of elliptic difference equations"; Axelsson 1972, "A generalized
 * SSOR method".
 *
 * @example
 * ```ts
 * import { cg, csr, ssor } from 'lowrank'
 * const A = csr({ shape: [2, 2], rows: [0, 0, 1, 1], cols: [0, 1, 0, 1], values: [4, 1, 1, 3] })
 * const { x } = cg(A, [1, 2], { preconditioner: ssor(A, { omega: 1.2 }) })   // 0.0909…, 0.6363…
 * ```
 */
export function ssor(A: Entries, options?: SsorOptions): LinearOperator {
  const fn = 'ssor'
  const { omega } = readOptions(fn, options, { omega: withDefault(relaxation, 1) })
  const splitting = splittingOf(A, fn)
  const index = splitting.diagonal.findIndex((d) => d < 0)
  if (index >= 0) {
    const given = `${splitting.diagonal[index]!} at [${index}, ${index}]`
    throw new NotPositiveDefiniteError({ fn, argument: 'A', expected: 'a positive diagonal', given, index })
  }
  const products = (R: Matrix): Steps<Matrix> => sweepsSteps(splitting, omega, R)
  const n = splitting.diagonal.length
  return operatorFromSteps([n, n], false, { matmat: products, rmatmat: products }) as LinearOperator
}

/** (2 − ω)/ω·(D/ω + L)⁻ᵀ·D·(D/ω + L)⁻¹·R, with one reading of L for each of the two. */
function* sweepsSteps(splitting: Splitting, omega: number, R: Matrix): Steps<Matrix> {
  const { A, below, diagonal } = splitting
  const { pointers, indices, values } = A
  const [n = 0, k = 0] = R.shape
  const Y = R.data.slice()
  const ranges = rowRanges(splitting, k)
  for (const [from, to] of ranges) {
    for (let i = from; i < to; i++) {
      const y = i * k
      for (let e = pointers[i]!; e < below[i]!; e++) {
        const a = values[e]!
        const o = indices[e]! * k
        for (let j = 0; j < k; j++) Y[y + j]! -= a * Y[o + j]!
      }
      for (let j = 0; j < k; j++) Y[y + j] = (omega * Y[y + j]!) / diagonal[i]!
    }
    yield* breath()
  }
  const factor = (2 - omega) / omega
  for (let i = 0; i < n; i++) for (let j = 0; j < k; j++) Y[i * k + j]! *= factor * diagonal[i]!
  for (const [from, to] of [...ranges].reverse()) {
    for (let i = to - 1; i >= from; i--) {
      const y = i * k
      for (let j = 0; j < k; j++) Y[y + j] = (omega * Y[y + j]!) / diagonal[i]!
      // Row i of L is column i of its transpose: what is known now is taken from the rows above.
      for (let e = pointers[i]!; e < below[i]!; e++) {
        const a = values[e]!
        const o = indices[e]! * k
        for (let j = 0; j < k; j++) Y[o + j]! -= a * Y[y + j]!
      }
    }
    yield* breath()
  }
  return wrap(Y, n, k)
}
