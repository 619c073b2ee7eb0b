import fc from 'fast-check'
import ndarray from 'ndarray'
import type { NdArray } from 'ndarray'
import { afterEach, describe, expect, test } from 'vitest'
import {
  NotFiniteError,
  ShapeError,
  dct,
  fft,
  fwht,
  idct,
  ifft,
  matrix,
  random,
  toNested,
} from '../../src/linalg/index.js'
import { useKernels } from '../../src/linalg/wasm/workspace.js'
import { LAYOUTS, RUNS, relaid } from '../support/cases.js'
import { EPS } from '../support/measures.js'

// Transforms against their definitions, summed with an error below what is measured.

type Vector = Float64Array
interface Complex {
  readonly re: Vector
  readonly im: Vector
}

/** cos and sin of 2π·j/n, from an angle in [0, π/4]: exact to half an ulp or so for every j. */
function turn(j: number, n: number): readonly [cos: number, sin: number] {
  j %= n
  if (2 * j > n) {
    const [c, s] = turn(n - j, n)
    return [c, -s]
  }
  if (4 * j > n) {
    // cos(π − φ), sin(π − φ) with φ = π(n − 2j)/n
    const phi = (Math.PI * (n - 2 * j)) / n
    return [-Math.cos(phi), Math.sin(phi)]
  }
  const phi = (2 * Math.PI * j) / n
  return [Math.cos(phi), Math.sin(phi)]
}

/** The definition, with compensated sums. */
function naive(x: Complex, sign: 1 | -1): Complex {
  const n = x.re.length
  const out = { re: new Float64Array(n), im: new Float64Array(n) }
  for (let k = 0; k < n; k++) {
    const [re, im] = [new Sum(), new Sum()]
    for (let j = 0; j < n; j++) {
      const [c, s] = turn((j * k) % n, n)
      re.add(x.re[j]! * c)
      re.add(-sign * x.im[j]! * s)
      im.add(x.im[j]! * c)
      im.add(sign * x.re[j]! * s)
    }
    out.re[k] = re.value
    out.im[k] = im.value
  }
  return out
}

class Sum {
  #sum = 0
  #lost = 0
  add(x: number): void {
    const t = this.#sum + x
    this.#lost += Math.abs(this.#sum) >= Math.abs(x) ? this.#sum - t + x : x - t + this.#sum
    this.#sum = t
  }
  get value(): number {
    return this.#sum + this.#lost
  }
}

const size = ({ re, im }: Complex): number => Math.hypot(norm2(re), norm2(im))
function norm2(x: Vector): number {
  let largest = 0
  for (const value of x) largest = Math.max(largest, Math.abs(value))
  if (largest === 0) return 0
  const sum = new Sum()
  for (const value of x) sum.add((value / largest) ** 2)
  return largest * Math.sqrt(sum.value)
}
const apart = (x: Complex, y: Complex): number =>
  size({ re: x.re.map((v, i) => v - y.re[i]!), im: x.im.map((v, i) => v - y.im[i]!) })

/** Rounding errors grow with the number of passes; Bluestein makes three transforms and four products. */
const unit = (n: number): number => EPS * (2 + Math.log2(Math.max(n, 1)))
const WORST = 1.5

const signal = (n: number, seed: number, scale = 1): Complex => ({
  re: random.normal([n], { seed }).data.map((x) => scale * x),
  im: random.normal([n], { seed: seed + 1 }).data.map((x) => scale * x),
})

const LENGTHS = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 20, 24, 25, 27, 30, 31, 32, 36, 45, 49, 60, 64, 75,
  77, 81, 96, 97, 100, 101, 120, 125, 127, 128, 135, 180, 243, 251, 256, 257, 320, 400, 509, 512,
]

afterEach(() => {
  useKernels('auto')
})

describe('fft', () => {
  test.each(['simd', 'plain'] as const)(
    'is the definition for every kind of length, %s kernels',
    (variant) => {
      useKernels(variant)
      let worst = 0
      for (const n of LENGTHS) {
        const x = signal(n, n)
        const truth = naive(x, -1)
        const error = apart(fft(x.re, x.im), truth) / size(truth) / unit(n)
        expect(error, `length ${n}`).toBeLessThan(WORST)
        worst = Math.max(worst, error)
        const back = naive(x, 1)
        const scaled = { re: back.re.map((v) => v / n), im: back.im.map((v) => v / n) }
        expect(apart(ifft(x.re, x.im), scaled) / size(scaled) / unit(n), `inverse, ${n}`).toBeLessThan(WORST)
      }
      // The claim would be empty if it were far from what happens.
      expect(worst).toBeGreaterThan(WORST / 100)
    },
  )

  test('every length up to 100 inverts, and keeps the norm (Parseval)', () => {
    for (let n = 1; n <= 100; n++) {
      const x = signal(n, n)
      const X = fft(x.re, x.im)
      expect(apart(ifft(X.re, X.im), x)).toBeLessThan(2 * WORST * unit(n) * size(x))
      expect(Math.abs(size(X) / Math.sqrt(n) - size(x))).toBeLessThan(WORST * unit(n) * size(x))
    }
  })

  test('long lengths: powers of two, 2·3·5-smooth, prime, at every scale', () => {
    for (const n of [65536, 3 * 2 ** 14, 30000, 10007, 59049, 15625, 2 ** 18]) {
      for (const scale of [1, 1e150, 1e-150]) {
        const x = signal(n, n, scale)
        const X = fft(x.re, x.im)
        expect(apart(ifft(X.re, X.im), x) / size(x), `${n}`).toBeLessThan(2 * WORST * unit(n))
        expect(Math.abs(size(X) / Math.sqrt(n) / size(x) - 1)).toBeLessThan(WORST * unit(n))
        // Single outputs against the definition.
        for (const k of [0, 1, n - 1, Math.floor(n / 3)]) {
          const [re, im] = [new Sum(), new Sum()]
          for (let j = 0; j < n; j++) {
            const [c, s] = turn((j * k) % n, n)
            re.add(x.re[j]! * c + x.im[j]! * s)
            im.add(x.im[j]! * c - x.re[j]! * s)
          }
          // One output has the error of all as an rms; 5σ.
          const allowed = 5 * WORST * unit(n) * size(x)
          expect(Math.hypot(X.re[k]! - re.value, X.im[k]! - im.value)).toBeLessThan(allowed)
        }
        if (scale !== 1 && n > 20000) break
      }
    }
  })

  test('is linear, shifts turn phases, a delta gives ones', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.nat(300),
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.nat(1000),
        (n, shift, alpha, seed) => {
          shift %= n
          const [x, y] = [signal(n, seed), signal(n, seed + 7)]
          const [X, Y] = [fft(x.re, x.im), fft(y.re, y.im)]
          const mixed = fft(
            x.re.map((v, i) => v + alpha * y.re[i]!),
            x.im.map((v, i) => v + alpha * y.im[i]!),
          )
          const expected = {
            re: X.re.map((v, i) => v + alpha * Y.re[i]!),
            im: X.im.map((v, i) => v + alpha * Y.im[i]!),
          }
          expect(apart(mixed, expected)).toBeLessThan(2 * WORST * unit(n) * (size(X) + 3 * size(Y)))
          const moved = fft(
            x.re.map((_, i) => x.re[(i + shift) % n]!),
            x.im.map((_, i) => x.im[(i + shift) % n]!),
          )
          const turned = { re: new Float64Array(n), im: new Float64Array(n) }
          for (let k = 0; k < n; k++) {
            const [c, s] = turn((k * shift) % n, n)
            turned.re[k] = X.re[k]! * c - X.im[k]! * s
            turned.im[k] = X.re[k]! * s + X.im[k]! * c
          }
          expect(apart(moved, turned)).toBeLessThan(2 * WORST * unit(n) * size(X))
          const delta = fft(Float64Array.from({ length: n }, (_, i) => (i === 0 ? 1 : 0)))
          expect(apart(delta, { re: new Float64Array(n).fill(1), im: new Float64Array(n) })).toBeLessThan(
            WORST * unit(n) * Math.sqrt(n),
          )
        },
      ),
      RUNS,
    )
  })

  test('small integers are exact', () => {
    const { re, im } = fft([1, 2, 3, 4])
    expect([Array.from(re), Array.from(im)]).toEqual([
      [10, -2, -2, -2],
      [0, 2, 0, -2],
    ])
  })
})

describe('dct and idct', () => {
  test('are the definition and its transpose, for every length up to 80', () => {
    for (let n = 1; n <= 80; n++) {
      const x = random.normal([n], { seed: n }).data
      const [X, back] = [dct(x), idct(x)]
      const [truth, inverse] = [new Float64Array(n), new Float64Array(n)]
      for (let k = 0; k < n; k++) {
        const w = Math.sqrt((k === 0 ? 1 : 2) / n)
        for (let j = 0; j < n; j++) {
          const c = w * turn((2 * j + 1) * k, 4 * n)[0]
          truth[k]! += c * x[j]!
          inverse[j]! += c * x[k]!
        }
      }
      const allowed = (WORST * unit(n) + n * EPS) * norm2(x)
      expect(norm2(X.map((v, k) => v - truth[k]!))).toBeLessThan(allowed)
      expect(norm2(back.map((v, k) => v - inverse[k]!))).toBeLessThan(allowed)
    }
  })

  test('are orthonormal and inverse to each other; a constant has one number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), fc.constantFrom(1, 1e150, 1e-150), (n, scale) => {
        const { re: x } = signal(n, n, scale)
        const X = dct(x)
        expect(Math.abs(norm2(X) / norm2(x) - 1)).toBeLessThan(WORST * unit(n))
        expect(norm2(idct(X).map((v, i) => v - x[i]!)) / norm2(x)).toBeLessThan(2 * WORST * unit(n))
        const constant = dct(new Float64Array(n).fill(scale))
        constant[0]! -= Math.sqrt(n) * scale
        expect(norm2(constant)).toBeLessThan(WORST * unit(n) * Math.sqrt(n) * scale)
      }),
      RUNS,
    )
  })
})

describe('fwht', () => {
  test.each(['simd', 'plain'] as const)('is the definition, %s kernels', (variant) => {
    useKernels(variant)
    for (let n = 1; n <= 1024; n *= 2) {
      const x = random.normal([n], { seed: n }).data
      const X = fwht(x)
      for (let i = 0; i < n; i++) {
        let sum = 0
        for (let j = 0; j < n; j++) sum += (bits(i & j) % 2 === 0 ? 1 : -1) * x[j]!
        expect(Math.abs(X[i]! - sum / Math.sqrt(n))).toBeLessThan(n * EPS * norm2(x))
      }
    }
  })

  test('is its own inverse, bit for bit on integers where √n is a power of two', () => {
    for (const n of [4, 1024, 4 ** 7, 4 ** 8]) {
      const x = random.normal([n]).data.map((v) => Math.round(100 * v) + 0)
      expect(fwht(fwht(x))).toEqual(x)
    }
    for (const n of [2, 8, 2 ** 13, 2 ** 15, 2 ** 17]) {
      const x = random.normal([n]).data
      expect(norm2(fwht(fwht(x)).map((v, i) => v - x[i]!))).toBeLessThan(4 * unit(n) * norm2(x))
      expect(Math.abs(norm2(fwht(x)) / norm2(x) - 1)).toBeLessThan(unit(n))
    }
  })

  test('wants a power of two', () => {
    for (const n of [0, 3, 12]) expect(() => fwht(new Float64Array(n))).toThrow(ShapeError)
  })
})

function bits(x: number): number {
  let count = 0
  for (; x > 0; x &= x - 1) count++
  return count
}

describe('along the last axis', () => {
  const transforms = {
    dct: (x: never) => ({ re: dct(x), im: undefined }),
    idct: (x: never) => ({ re: idct(x), im: undefined }),
    fwht: (x: never) => ({ re: fwht(x), im: undefined }),
    fft: (x: never) => fft(x),
    ifft: (x: never) => ifft(x),
  } as unknown as Record<string, (x: unknown) => { re: NdArray<Vector>; im?: NdArray<Vector> }>

  test.each(Object.keys(transforms))(
    '%s of matrices in every layout and of tensors, line by line',
    (name) => {
      const transform = transforms[name]!
      const A = random.normal([5, 16])
      const rows = toNested(A).map((row) => transform(row) as unknown as { re: Vector; im?: Vector })
      for (const layout of LAYOUTS) {
        const { re, im } = transform(relaid(A, layout))
        expect(re.shape).toEqual([5, 16])
        expect(toNested(re)).toEqual(rows.map((row) => Array.from(row.re)))
        if (im) expect(toNested(im)).toEqual(rows.map((row) => Array.from(row.im!)))
      }
      expect(toNested(transform(toNested(A)).re)).toEqual(rows.map((row) => Array.from(row.re)))
      const T = random.normal([2, 3, 4, 8])
      const permuted = T.transpose(2, 0, 1, 3)
      const out = transform(permuted).re
      expect(out.shape).toEqual([4, 2, 3, 8])
      const line = Array.from({ length: 8 }, (_, i) => permuted.get(3, 1, 2, i))
      const expected = (transform(line) as unknown as { re: Vector }).re
      expect(Array.from({ length: 8 }, (_, i) => out.get(3, 1, 2, i))).toEqual(Array.from(expected))
    },
  )

  test('a vector, a 1-D ndarray and a slice of one give vectors; inputs are left as they were', () => {
    const wide = ndarray(Float64Array.from([1, 9, 2, 9, 3, 9, 4, 9]), [4], [2])
    for (const x of [[1, 2, 3, 4], Float32Array.from([1, 2, 3, 4]), ndarray([1, 2, 3, 4]), wide]) {
      const { re } = fft(x as number[])
      expect(re).toBeInstanceOf(Float64Array)
      expect(Array.from(re)).toEqual([10, -2, -2, -2])
    }
    const x = Float64Array.from([4, 3, 2, 1])
    fft(x, x)
    dct(x)
    fwht(x)
    expect(Array.from(x)).toEqual([4, 3, 2, 1])
  })

  test('nothing, and lines of nothing', () => {
    expect(fft([])).toEqual({ re: new Float64Array(0), im: new Float64Array(0) })
    expect(dct([]).length).toBe(0)
    expect(fft(matrix([[], []])).re.shape).toEqual([2, 0])
    expect(idct(ndarray(new Float64Array(0), [0, 3])).shape).toEqual([0, 3])
    expect(fwht(ndarray(new Float64Array(0), [0, 4])).shape).toEqual([0, 4])
  })

  test('async gives the same', async () => {
    const x = random.normal([3, 1000])
    expect(toNested((await fft.async(x)).re)).toEqual(toNested(fft(x).re))
    expect(toNested(await dct.async(x))).toEqual(toNested(dct(x)))
  })

  test('bad input is refused by name', () => {
    expect(() => fft([1, NaN])).toThrow(NotFiniteError)
    expect(() => fft([1, 2], [1, Infinity])).toThrow('fft: im')
    expect(() => ifft([1, 2], [1, 2, 3])).toThrow('ifft: im: expected the shape 2 of re, given 3')
    const T = random.normal([2, 2, 2])
    T.set(1, 0, 1, NaN)
    expect(() => dct(T)).toThrow('NaN at [1, 0, 1]')
    expect(() => fwht('abc' as never)).toThrow(ShapeError)
    expect(() => dct([1, 2], { norm: 'ortho' } as never)).toThrow('unknown option norm')
  })
})
