import fc from 'fast-check'
import ndarray from 'ndarray'
import { random, zeros } from '../../src/linalg/index.js'
import type { Matrix, Tensor } from '../../src/linalg/index.js'
import { orthonormal } from '../../src/testing/index.js'

// Tensors as (seed, shape, decay, scale, layout), and what is known of them by plain loops.

const TENSOR_LAYOUTS = ['rows', 'columns', 'shuffled', 'sliced', 'reversed', 'turned', 'strided'] as const

export interface TensorCase {
  readonly seed: number
  readonly shape: readonly number[]
  /** Entries of the core fall by this factor with each index. */
  readonly decay: number
  /** The tensor is multiplied by 10^scale. */
  readonly scale: number
  readonly layout: (typeof TENSOR_LAYOUTS)[number]
}

/** Tensors of 2 to 4 modes of 1 to `side` entries each, in every layout. */
export function tensorCases({
  side = 8,
  minModes = 2,
  scales = [0, 150, -150],
} = {}): fc.Arbitrary<TensorCase> {
  return fc.record({
    seed: fc.nat(2 ** 31 - 1),
    shape: fc.array(fc.integer({ min: 1, max: side }), { minLength: minModes, maxLength: 4 }),
    decay: fc.constantFrom(1, 0.5, 0.1),
    scale: fc.constantFrom(...scales),
    layout: fc.constantFrom(...TENSOR_LAYOUTS),
  })
}

/** A core that decays, in random orthonormal bases. */
export function buildTensor({ seed, shape, decay, scale, layout }: TensorCase): Tensor {
  const core = random.normal(shape, { seed })
  each(shape, (index, at) => {
    core.data[at]! *= decay ** index.reduce((sum, i) => sum + i, 0) * 10 ** scale
  })
  let T = core
  shape.forEach((n, k) => (T = plainModeProduct(T, orthonormal(n, n, { seed: seed + k + 1 }), k)))
  return relaidTensor(T, layout)
}

/** The same entries in another layout. */
export function relaidTensor(T: Tensor, layout: TensorCase['layout']): Tensor {
  const { shape } = T
  const back = shape.map((_, k) => shape.length - 1 - k)
  switch (layout) {
    case 'rows':
      return T
    case 'columns':
      return filled(zeros([...shape].reverse()).transpose(...back), T)
    case 'shuffled': {
      // The last mode lies first in memory, the others in order.
      const order = [shape.length - 1, ...shape.keys()].slice(0, shape.length)
      const place = shape.map((_, k) => order.indexOf(k))
      return filled(zeros(order.map((k) => shape[k]!)).transpose(...place), T)
    }
    case 'sliced':
      return filled(
        zeros(shape.map((n) => n + 2))
          .lo(...shape.map((_, k) => k % 3))
          .hi(...shape),
        T,
      )
    case 'reversed':
      return filled(zeros(shape).step(...shape.map(() => -1)), T)
    case 'turned':
      return filled(zeros(shape).step(...shape.map((_, k) => (k % 2 === 0 ? -1 : 1))), T)
    case 'strided': {
      const stride = shape.map((_, k) => 3 * shape.slice(k + 1).reduce((product, n) => product * n, 1))
      return filled(ndarray(new Float64Array(3 * T.size), [...shape], stride, 0), T)
    }
  }
}

function filled(target: Tensor, T: Tensor): Tensor {
  each(T.shape, (index) => target.set(...index, T.get(...index)))
  return target
}

/** Every index in row-major order, and its place in it. */
function each(shape: readonly number[], visit: (index: number[], at: number) => void): void {
  const size = shape.reduce((product, n) => product * n, 1)
  for (let at = 0; at < size; at++) {
    const index: number[] = []
    for (let k = shape.length - 1, rest = at; k >= 0; k--) {
      index.unshift(rest % shape[k]!)
      rest = Math.floor(rest / shape[k]!)
    }
    visit(index, at)
  }
}

/** The mode-n unfolding by its definition (Kolda and Bader 2009, section 2.4). */
export function plainUnfold(T: Tensor, n: number): Matrix {
  const others = T.shape.filter((_, k) => k !== n)
  const cols = others.reduce((product, size) => product * size, 1)
  const M = zeros([T.shape[n]!, cols])
  each(T.shape, (index) => {
    let column = 0
    for (let k = 0, weight = 1; k < T.shape.length; k++) {
      if (k === n) continue
      column += index[k]! * weight
      weight *= T.shape[k]!
    }
    M.data[index[n]! * cols + column] = T.get(...index)
  })
  return M
}

export function plainModeProduct(T: Tensor, M: Matrix, n: number): Tensor {
  const out = zeros(T.shape.map((size, k) => (k === n ? M.shape[0]! : size)))
  each(out.shape, (index, at) => {
    const source = [...index]
    let sum = 0
    for (let i = 0; i < T.shape[n]!; i++) {
      source[n] = i
      sum += M.get(index[n]!, i) * T.get(...source)
    }
    out.data[at] = sum
  })
  return out
}

/** S − T, as one row, so that matrix norms apply. */
export function apart(S: Tensor, T: Tensor): Matrix {
  const D = zeros([1, T.size])
  each(T.shape, (index, at) => (D.data[at] = S.get(...index) - T.get(...index)))
  return D
}

/** The entries as one row. */
export function flat(T: Tensor): Matrix {
  return apart(T, zeros(T.shape))
}
