import type { Dense } from '../../linalg/arrays.js'
import { OptionError, describe } from '../../linalg/errors.js'
import type { KernelPlan } from '../../linalg/operators/kerneloptions.js'
import { maxAbs } from '../../linalg/magnitude.js'
import { paddedTo4 } from '../engines/engine.js'
import { exponent, factors } from '../operands/scale.js'

// Points as a device is given them: in float64 they are moved to the middle of their cloud and γ goes into the
// coordinates, so that what is rounded to float32 is a place in units of the kernel's width.

/** `count` points of `dim` numbers (a multiple of 4, the last ones 0): x = Σ of the parts, in float32. */
export interface Cloud {
  readonly count: number
  readonly dim: number
  readonly parts: readonly Float32Array[]
  /** Points are 2^exponent times what is here; 0 but of 'polynomial'. */
  readonly exponent: number
}

/** Where points are placed, so that those of several clouds may meet. */
export interface Frame {
  place(points: Dense): Cloud
}

/** Beyond it two float32 numbers cannot tell a place any more, in widths of the kernel. */
const FARTHEST = 2 ** 40
/** Points that are not of the cloud whose middle it is may be anywhere: from here on no kernel sees them. */
const NOWHERE = 2 ** 60
/** Bits of the first part where there are two: differences of them are exact. */
const FIRST = 22

/** The frame of a kernel that is a function of x − y: 'rbf' or 'laplacian'. */
export function centredFrame(fn: string, { kernel, gamma }: KernelPlan, X: Dense): Frame {
  const square = kernel === 'rbf'
  const width = square ? Math.sqrt(gamma) : gamma
  const middle = middleOf(X)
  const place = (points: Dense, i: number, j: number): number =>
    (points.data[points.offset + i * points.rs + j * points.cs]! - middle[j]!) * width
  let radius = 0
  let farthest = 0
  for (let i = 0; i < X.rows; i++) {
    let size = 0
    for (let j = 0; j < X.cols; j++) {
      const x = Math.abs(place(X, i, j))
      size += square ? x * x : x
      farthest = Math.max(farthest, x)
    }
    radius = Math.max(radius, square ? Math.sqrt(size) : size)
  }
  if (!(radius <= FARTHEST)) {
    const expected = `such that no point is farther than 2^40 widths ${square ? '1/√γ' : '1/γ'} from the middle`
    throw new OptionError({ fn, argument: 'options.gamma', expected, given: describe(gamma) })
  }
  // One float32 number moves a point by up to 2⁻²⁴ of its distance from the middle.
  const grid = 2 * radius > X.cols + 4 ? 2 ** (exponent(farthest) + 1 - FIRST) : undefined
  return {
    place(points) {
      const dim = Math.max(4, paddedTo4(points.cols))
      const first = new Float32Array(points.rows * dim)
      const second = grid === undefined ? undefined : new Float32Array(points.rows * dim)
      for (let i = 0; i < points.rows; i++) {
        for (let j = 0, o = i * dim; j < points.cols; j++, o++) {
          const x = Math.max(-NOWHERE, Math.min(NOWHERE, place(points, i, j)))
          first[o] = grid === undefined ? x : Math.round(x / grid) * grid
          if (second) second[o] = x - first[o]!
        }
      }
      return { count: points.rows, dim, exponent: 0, parts: second ? [first, second] : [first] }
    },
  }
}

/** The middle of the range of each coordinate. */
function middleOf({ data, offset, rows, cols, rs, cs }: Dense): Float64Array {
  const middle = new Float64Array(cols)
  if (rows === 0) return middle
  const [low, high] = [new Float64Array(cols).fill(Infinity), new Float64Array(cols).fill(-Infinity)]
  for (let i = 0; i < rows; i++) {
    for (let j = 0, a = offset + i * rs; j < cols; j++, a += cs) {
      if (data[a]! < low[j]!) low[j] = data[a]!
      if (data[a]! > high[j]!) high[j] = data[a]!
    }
  }
  return middle.map((_, j) => low[j]! / 2 + high[j]! / 2)
}

/** The frame of 'polynomial': γxᵀy + coef0 is the product of (√γ·x, √coef0) and (√γ·y, √coef0), here of norm below 1. */
export function productFrame({ gamma, coef0 }: KernelPlan): Frame {
  const [root, last] = [Math.sqrt(gamma), Math.sqrt(coef0)]
  const rootExponent = exponent(root)
  return {
    place(points) {
      const { data, offset, rows, cols, rs, cs } = points
      const dim = paddedTo4(cols + 1)
      // Points times 2^-near, and γ's root times 2^-rootExponent, whose products cannot overflow.
      const near = exponent(maxAbs(points))
      const [f, g] = factors(-near)
      const mantissa = root / 2 ** rootExponent
      let longest = 0
      for (let i = 0; i < rows; i++) {
        let square = 0
        for (let j = 0, a = offset + i * rs; j < cols; j++, a += cs) square += (data[a]! * f * g) ** 2
        longest = Math.max(longest, square)
      }
      const shift = near + rootExponent
      const sizes = [longest > 0 ? shift + exponent(mantissa * Math.sqrt(longest)) : -Infinity]
      if (last > 0) sizes.push(exponent(last))
      const most = Math.max(...sizes)
      const up = most === -Infinity ? 0 : most + 2
      const [h, l] = factors(shift - up)
      const [hLast, lLast] = factors(-up)
      const out = new Float32Array(rows * dim)
      for (let i = 0; i < rows; i++) {
        let o = i * dim
        for (let j = 0, a = offset + i * rs; j < cols; j++, a += cs) {
          out[o++] = data[a]! * f * g * mantissa * h * l
        }
        out[o] = last * hLast * lLast
      }
      return { count: rows, dim, parts: [out], exponent: up }
    },
  }
}
