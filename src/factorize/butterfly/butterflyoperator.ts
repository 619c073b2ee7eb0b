import { asMatrix, asVector, contiguous, eye, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { ShapeError } from '../../linalg/errors.js'
import type { Complex } from '../../linalg/transforms/fft.js'
import { operatorFromSteps } from '../../linalg/operators.js'
import type { LinearOperator, Shape } from '../../linalg/operators.js'
import { inverseOf } from '../../linalg/dense/pivots.js'
import { breath, runSync } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { acquire } from '../../linalg/wasm/workspace.js'
import type { Workspace } from '../../linalg/wasm/workspace.js'

// A butterfly matrix B = X_L ⋯ X_2·X_1·P of n = 2^L: X_l multiplies pairs of points 2^(l−1) apart by 2 × 2
// matrices, n/2 of them (Dao, Gu, Eichhorn, Rudra and Ré 2019). (P·x)[i] = x[permutation[i]].

/**
 * The 2 × 2 matrices of one level: all t00, then all t01, t10, t11, n/2 numbers each. Pair p of stride s is points
 * 2s·⌊p/s⌋ + (p mod s) and s further.
 */
export interface ButterflyFactor {
  readonly re: Float64Array
  readonly im?: Float64Array
}

interface Parts {
  readonly shape: Shape
  /** Level by level in the order in which they are applied: strides 1, 2, 4, … n/2. */
  readonly factors: readonly ButterflyFactor[]
  /** Applied first: x becomes x[permutation]. */
  readonly permutation: Int32Array
  /** Real numbers in the factors: 2n·log₂n, twice that where they are complex. */
  readonly parameters: number
}

/** A real butterfly matrix, or the real part of a complex one: an operator, O(n·log n) for each column. */
export interface Butterfly extends LinearOperator, Parts {
  readonly complex: false
  /** n × n, all entries. */
  toDense(): Matrix
}

/** A complex butterfly matrix. */
export interface ComplexButterfly extends Parts {
  readonly complex: true
  /** B·X, n × k; a real X is one without imaginary part. */
  matmat(X: MatrixLike | Complex<MatrixLike>): Complex<Matrix>
  /** Bᴴ·Y, n × k. */
  rmatmat(Y: MatrixLike | Complex<MatrixLike>): Complex<Matrix>
  /** B·x for a vector. */
  matvec(re: ArrayLike<number>, im?: ArrayLike<number>): Complex<Float64Array>
  /** n × n, all entries. */
  toDense(): Complex<Matrix>
}

/** The real part of the butterfly of these factors. */
export function realButterfly(factors: readonly ButterflyFactor[], permutation: Int32Array): Butterfly {
  const n = permutation.length
  const levels = new Levels(factors, permutation)
  const operator = operatorFromSteps([n, n], false, {
    *matmat(X) {
      return (yield* levels.runSteps({ re: X }, false)).re
    },
    *rmatmat(Y) {
      return (yield* levels.runSteps({ re: Y }, true)).re
    },
  }) as LinearOperator
  return Object.assign(operator, {
    factors,
    permutation,
    parameters: parametersOf(factors),
    complex: false as const,
    toDense: () => runSync(levels.runSteps({ re: eye(n) }, false)).re,
  })
}

export function complexButterfly(
  factors: readonly ButterflyFactor[],
  permutation: Int32Array,
): ComplexButterfly {
  const n = permutation.length
  const levels = new Levels(factors, permutation)
  const run = (X: MatrixLike | Complex<MatrixLike>, adjoint: boolean, name: string): Complex<Matrix> =>
    withImaginary(runSync(levels.runSteps(takenComplex(X, n, name), adjoint)))
  return {
    shape: [n, n],
    factors,
    permutation,
    parameters: parametersOf(factors),
    complex: true,
    matmat: (X) => run(X, false, 'matmat'),
    rmatmat: (Y) => run(Y, true, 'rmatmat'),
    matvec(re, im) {
      const column = (x: ArrayLike<number>, name: string): Matrix =>
        wrap(asVector(x, 'butterfly.matvec', name, n), n, 1)
      const X = im === undefined ? { re: column(re, 're') } : { re: column(re, 're'), im: column(im, 'im') }
      const Y = withImaginary(runSync(levels.runSteps(X, false)))
      return { re: Y.re.data, im: Y.im.data }
    },
    toDense: () => withImaginary(runSync(levels.runSteps({ re: eye(n) }, false))),
  }
}

const parametersOf = (factors: readonly ButterflyFactor[]): number =>
  factors.reduce((sum, { re, im }) => sum + re.length + (im?.length ?? 0), 0)

interface Planes {
  readonly re: Matrix
  readonly im?: Matrix
}

const withImaginary = ({ re, im }: Planes): Complex<Matrix> => ({
  re,
  im: im ?? wrap(new Float64Array(re.data.length), re.shape[0]!, re.shape[1]!),
})

function takenComplex(X: MatrixLike | Complex<MatrixLike>, n: number, name: string): Planes {
  const fn = `butterfly.${name}`
  const taken = (part: unknown, argument: string): Matrix => {
    const M = contiguous(asMatrix(part, fn, argument))
    if (M.shape[0] === n) return M
    throw new ShapeError({ fn, argument, expected: `${n} rows`, given: M.shape.join('×') })
  }
  if (typeof X !== 'object' || !('re' in X)) return { re: taken(X, 'X') }
  const [re, im] = [taken(X.re, 'X.re'), taken(X.im, 'X.im')]
  if (re.shape[1] === im.shape[1]) return { re, im }
  const [expected, given] = [`${re.shape[1]} columns, as X.re`, `${im.shape[1]}`]
  throw new ShapeError({ fn, argument: 'X.im', expected, given })
}

/** Numbers that go through all levels at once: they stay in a cache. */
const CHUNK = 2 ** 17
/** Numbers of a level between two breaths. */
const STRETCH = 2 ** 20

/** The levels in WebAssembly memory, where they stay for the next product. */
class Levels {
  readonly #complex: boolean
  readonly #inverse: Int32Array
  readonly #idle: Resident[] = []

  constructor(
    readonly factors: readonly ButterflyFactor[],
    readonly permutation: Int32Array,
  ) {
    this.#complex = factors.some(({ im }) => im !== undefined)
    this.#inverse = inverseOf(permutation)
  }

  /** B·X, or Bᴴ·X. */
  *runSteps({ re, im }: Planes, adjoint: boolean): Steps<Planes> {
    const [n, k] = [re.shape[0]!, re.shape[1]!]
    const complex = this.#complex || im !== undefined
    const out = {
      re: wrap(new Float64Array(n * k), n, k),
      ...(complex && { im: wrap(new Float64Array(n * k), n, k) }),
    }
    if (n * k === 0) return out
    const resident = this.#idle.pop() ?? new Resident(this.factors, n)
    try {
      const from = adjoint ? undefined : this.permutation
      const to = adjoint ? this.#inverse : undefined
      const width = Math.min(k, Math.max(1, Math.floor(CHUNK / n)))
      for (let j = 0; j < k; j += width) {
        const count = Math.min(width, k - j)
        resident.load(re, im, j, count, from, complex)
        for (let l = 0; l < this.factors.length; l++) {
          resident.level(adjoint ? this.factors.length - 1 - l : l, count, adjoint, complex)
          if (n * count > STRETCH) yield* breath()
        }
        resident.store(out, j, count, to)
        yield* breath()
      }
    } finally {
      this.#idle.push(resident)
    }
    return out
  }
}

/** A level in the workspace: m matrices of pairs, their real and imaginary parts. */
interface Placed {
  readonly m: number
  readonly re: number
  readonly im: number
  /** Whether each is [[1, w], [1, −w]]. */
  readonly fourier: boolean
}

class Resident {
  readonly #ws: Workspace = acquire()
  /** Addresses of each level: re, im (or zeros), and those of its adjoint, as they are wanted. */
  readonly #at: Placed[][] = [[], []]
  #x = 0
  #xi = 0
  #room = 0

  constructor(
    readonly factors: readonly ButterflyFactor[],
    readonly n: number,
  ) {}

  /** Columns [j, j + count), row i of them from row `order[i]`. */
  load(
    re: Matrix,
    im: Matrix | undefined,
    j: number,
    count: number,
    order: Int32Array | undefined,
    complex: boolean,
  ): void {
    const size = this.n * count
    if (size > this.#room) {
      this.#room = size
      this.#x = this.#ws.alloc64(size)
      this.#xi = this.#ws.alloc64(size)
    }
    this.#copy(re, this.#x, j, count, order)
    if (!complex) return
    if (im) this.#copy(im, this.#xi, j, count, order)
    else this.#ws.f64.fill(0, this.#xi / 8, this.#xi / 8 + size)
  }

  #copy({ data, shape }: Matrix, at: number, j: number, count: number, order: Int32Array | undefined): void {
    const k = shape[1]!
    const f64 = this.#ws.f64
    const to = at / 8
    if (k === 1) {
      for (let i = 0; i < this.n; i++) f64[to + i] = data[order ? order[i]! : i]!
      return
    }
    for (let i = 0; i < this.n; i++) {
      const row = (order ? order[i]! : i) * k + j
      f64.set(data.subarray(row, row + count), to + i * count)
    }
  }

  store(out: Planes, j: number, count: number, order: Int32Array | undefined): void {
    const f64 = this.#ws.f64
    for (const [M, at] of [
      [out.re, this.#x],
      [out.im, this.#xi],
    ] as const) {
      if (M === undefined) continue
      const k = M.shape[1]!
      for (let i = 0; i < this.n; i++) {
        const from = at / 8 + (order ? order[i]! : i) * count
        if (k === 1) M.data[i] = f64[from]!
        else M.data.set(f64.subarray(from, from + count), i * k + j)
      }
    }
  }

  level(l: number, count: number, adjoint: boolean, complex: boolean): void {
    const { m, re, im, fourier } = this.#twiddles(l, adjoint, complex)
    const { butterflyLevel, butterflyLevelComplex, fourierLevel } = this.#ws.kernels
    // Of [[1, w], [1, −w]] the second plane is enough.
    if (complex && fourier) fourierLevel(this.n, 2 ** l, count, m, re + 8 * m, im + 8 * m, this.#x, this.#xi)
    else if (complex) butterflyLevelComplex(this.n, 2 ** l, count, m, re, im, this.#x, this.#xi)
    else butterflyLevel(this.n, 2 ** l, count, m, re, this.#x)
  }

  #twiddles(l: number, adjoint: boolean, complex: boolean): Placed {
    const known = this.#at[Number(adjoint)]![l]
    if (known !== undefined && (!complex || known.im > 0)) return known
    const { re, im } = this.factors[l]!
    const half = this.n / 2
    // Blocks that share their matrices, as those of the Fourier transform do, need them once.
    const m = repeats(re, half, 2 ** l) && (!im || repeats(im, half, 2 ** l)) ? 2 ** l : half
    const put = (x: Float64Array | undefined, sign: number): number => {
      const at = this.#ws.alloc64(4 * m)
      const f64 = this.#ws.f64
      for (let plane = 0; plane < 4; plane++) {
        const source = adjoint && (plane === 1 || plane === 2) ? 3 - plane : plane
        for (let p = 0; p < m; p++) f64[at / 8 + plane * m + p] = x ? sign * x[source * half + p]! : 0
      }
      return at
    }
    const fourier = !adjoint && isFourier(re, im, half)
    const placed = { m, fourier, re: known?.re ?? put(re, 1), im: complex ? put(im, adjoint ? -1 : 1) : 0 }
    this.#at[Number(adjoint)]![l] = placed
    return placed
  }
}

/** True where number p of each of the four planes is number p mod s. */
function repeats(x: Float64Array, half: number, s: number): boolean {
  for (let plane = 0; plane < 4; plane++) {
    for (let p = s; p < half; p++) if (x[plane * half + p] !== x[plane * half + (p % s)]) return false
  }
  return true
}

function isFourier(re: Float64Array, im: Float64Array | undefined, half: number): boolean {
  for (let p = 0; p < half; p++) {
    if (re[p] !== 1 || re[2 * half + p] !== 1 || re[3 * half + p] !== -re[half + p]!) return false
    if (im && (im[p] !== 0 || im[2 * half + p] !== 0 || im[3 * half + p] !== -im[half + p]!)) return false
  }
  return true
}
