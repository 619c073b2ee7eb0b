import { integer, nonNegative, optional, positive, readOptions, withDefault } from '../options.js'
import type { Reader } from '../options.js'

// Which kernel of two points is meant: read here once, for kernel matrices wherever they are computed.

const KINDS = ['rbf', 'laplacian', 'polynomial'] as const

/** k(x, y) of two points, as views of the library's own copy, which must not be changed. */
export type KernelFunction = (x: Float64Array, y: Float64Array) => number

/** A kernel function and its parameters. */
export interface KernelOptions {
  /**
   * 'rbf' (default) e^{−γ‖x−y‖₂²}, 'laplacian' e^{−γ‖x−y‖₁}, 'polynomial' (γ·xᵀy + coef0)^degree, or a
   * function, symmetric and positive semidefinite.
   */
  readonly kernel?: (typeof KINDS)[number] | KernelFunction | undefined
  /** γ > 0. Default 1/d. */
  readonly gamma?: number | undefined
  /** Of 'polynomial': an integer >= 1. Default 3. */
  readonly degree?: number | undefined
  /** Of 'polynomial': >= 0. Default 1. */
  readonly coef0?: number | undefined
}

/** A kernel and all of its parameters. */
export interface KernelPlan {
  readonly kernel: (typeof KINDS)[number] | KernelFunction
  readonly gamma: number
  readonly degree: number
  readonly coef0: number
}

const kind: Reader<KernelPlan['kernel']> = (value, fail) =>
  typeof value === 'function'
    ? (value as KernelFunction)
    : (KINDS.find((name) => name === value) ?? fail("'rbf' | 'laplacian' | 'polynomial' | a function"))

/** Reads the options; the default of γ, 1/d, waits for the points. */
export function readKernelOptions(
  fn: string,
  options: KernelOptions | undefined,
): (dim: number) => KernelPlan {
  const { gamma, ...plan } = readOptions(fn, options, {
    kernel: withDefault(kind, 'rbf'),
    gamma: optional(positive),
    degree: withDefault(integer(1), 3),
    coef0: withDefault(nonNegative, 1),
  })
  return (dim) => ({ ...plan, gamma: gamma ?? 1 / Math.max(1, dim) })
}
