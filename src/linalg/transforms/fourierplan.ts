import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

// How a Fourier transform of length n is made: by passes of radix 4, 3, 5 and 2 where n has no other factors
// (Stockham's autosort), else as a convolution of a length that has none (Bluestein 1970).

/** One pass over radix·m·s numbers; its factors lie at `at` in the plan's. */
interface Pass {
  readonly radix: number
  readonly m: number
  readonly s: number
  readonly at: number
}

interface Plan {
  readonly n: number
  readonly passes: readonly Pass[]
  readonly factors: Float64Array
  /** For a length with other factors. */
  readonly chirp?: Chirp
}

/** x̂ = c·((x·c) ∗ c̄), cⱼ = e^{−iπj²/n}. */
interface Chirp {
  readonly inner: Plan
  readonly re: Float64Array
  readonly im: Float64Array
  /** The transform of c̄, over the inner length. */
  readonly kernelRe: Float64Array
  readonly kernelIm: Float64Array
}

/** Plans that are kept, and up to which length: sines and cosines cost more than the passes. */
const KEPT = 8
const LONGEST = 2 ** 18
const plans = new Map<number, Plan>()

/** Factors made between two breaths. */
const STRETCH = 2 ** 14
/** Butterflies between two breaths: about a millisecond. */
const BUTTERFLIES = 2 ** 17

/** e^{−2πi·j/n}, 0 ≤ j < n, from an angle of at most π/4. */
function root(j: number, n: number): readonly [re: number, im: number] {
  const quarter = Math.floor((4 * j) / n)
  const part = 4 * j - quarter * n
  const swapped = 2 * part > n
  const angle = (Math.PI / 2) * ((swapped ? n - part : part) / n)
  const [c, s] = swapped ? [Math.sin(angle), Math.cos(angle)] : [Math.cos(angle), Math.sin(angle)]
  switch (quarter) {
    case 0:
      return [c, -s]
    case 1:
      return [-s, -c]
    case 2:
      return [-c, s]
    default:
      return [s, c]
  }
}

/** The radices of n, 4 before 3, 5 and 2 so that vectors run along powers of two; undefined for other factors. */
function radicesOf(n: number): number[] | undefined {
  const radices: number[] = []
  for (const radix of [4, 3, 5, 2]) for (; n % radix === 0; n /= radix) radices.push(radix)
  return n === 1 ? radices : undefined
}

/** The least length >= n with factors 2, 3 and 5 alone, of those with at most one 3 or 5. */
function smoothAbove(n: number): number {
  const power = 2 ** Math.ceil(Math.log2(n))
  return [(power / 8) * 5, (power / 4) * 3].find((size) => Number.isInteger(size) && size >= n) ?? power
}

function* planSteps(n: number): Steps<Plan> {
  const kept = plans.get(n)
  if (kept !== undefined) return kept
  const radices = radicesOf(n)
  const plan = radices === undefined ? yield* chirpSteps(n) : yield* passesSteps(n, radices)
  if (n <= LONGEST) {
    if (plans.size >= KEPT) plans.delete(plans.keys().next().value!)
    plans.set(n, plan)
  }
  return plan
}

function* passesSteps(n: number, radices: readonly number[]): Steps<Plan> {
  const passes: Pass[] = []
  let [size, s, at] = [n, 1, 0]
  for (const radix of radices) {
    const m = size / radix
    passes.push({ radix, m, s, at })
    at += 2 * (radix - 1) * m
    ;[size, s] = [m, s * radix]
  }
  const factors = new Float64Array(at)
  for (const { radix, m, at } of passes) {
    for (let j = 1; j < radix; j++) {
      const row = at + 2 * (j - 1) * m
      for (let p = 0; p < m; p++) {
        const [re, im] = root(j * p, radix * m)
        factors[row + p] = re
        factors[row + m + p] = im
        if (p % STRETCH === STRETCH - 1) yield* breath()
      }
    }
  }
  return { n, passes, factors }
}

function* chirpSteps(n: number): Steps<Plan> {
  const inner = yield* planSteps(smoothAbove(2 * n - 1))
  const re = new Float64Array(n)
  const im = new Float64Array(n)
  // j² mod 2n by its differences: j² itself would leave the integers that float64 holds.
  for (let j = 0, square = 0; j < n; j++) {
    ;[re[j], im[j]] = root(square, 2 * n)
    square = (square + 2 * j + 1) % (2 * n)
    if (j % STRETCH === STRETCH - 1) yield* breath()
  }
  const ws = acquire()
  try {
    const T = transformer(ws, inner)
    T.re.fill(0)
    T.im.fill(0)
    for (let j = 0; j < n; j++) {
      for (const at of j === 0 ? [0] : [j, inner.n - j]) {
        T.re[at] = re[j]!
        T.im[at] = -im[j]!
      }
    }
    yield* T.run()
    return {
      n,
      passes: [],
      factors: new Float64Array(0),
      chirp: { inner, re, im, kernelRe: T.re.slice(), kernelIm: T.im.slice() },
    }
  } finally {
    release(ws)
  }
}

/** A transform in a workspace: numbers go in at `re` and `im`, and after `run` come out there. */
interface Transformer {
  /** Views of n numbers; where they lie changes with each run. */
  re: Float64Array
  im: Float64Array
  run(): Steps<void>
}

/** Nothing may be allocated in `ws` while it is in use. */
function transformer(ws: Workspace, plan: Plan): Transformer {
  const { n, passes, factors, chirp } = plan
  if (chirp !== undefined) return chirpTransformer(ws, plan.n, chirp)
  const w = ws.alloc64(factors.length)
  const [a, b, c, d] = [ws.alloc64(n), ws.alloc64(n), ws.alloc64(n), ws.alloc64(n)]
  const f64 = ws.f64
  f64.set(factors, w / 8)
  let [x, y] = [
    [a, b],
    [c, d],
  ] as [[number, number], [number, number]]
  const view = (at: number): Float64Array => f64.subarray(at / 8, at / 8 + n)
  const T: Transformer = {
    re: view(x[0]),
    im: view(x[1]),
    *run() {
      for (const { radix, m, s, at } of passes) {
        const [ps, qs] = s >= BUTTERFLIES ? [1, BUTTERFLIES] : [Math.floor(BUTTERFLIES / s), s]
        for (let p = 0; p < m; p += ps) {
          for (let q = 0; q < s; q += qs) {
            const [p1, q1] = [Math.min(m, p + ps), Math.min(s, q + qs)]
            ws.kernels.fftPass(radix, m, s, p, p1, q, q1, w + 8 * at, x[0], x[1], y[0], y[1])
            if (ps < m || qs < s) yield* breath()
          }
        }
        ;[x, y] = [y, x]
      }
      T.re = view(x[0])
      T.im = view(x[1])
    },
  }
  return T
}

function chirpTransformer(ws: Workspace, n: number, chirp: Chirp): Transformer {
  const { inner, re, im, kernelRe, kernelIm } = chirp
  const T = transformer(ws, inner)
  const outer: Transformer = {
    re: T.re.subarray(0, n),
    im: T.im.subarray(0, n),
    *run() {
      times(T.re, T.im, re, im, n)
      T.re.fill(0, n)
      T.im.fill(0, n)
      yield* T.run()
      times(T.re, T.im, kernelRe, kernelIm, inner.n)
      yield* breath()
      // The inverse: forward with real and imaginary parts exchanged, over the length.
      ;[T.re, T.im] = exchanged(T.re, T.im)
      yield* T.run()
      ;[T.re, T.im] = exchanged(T.re, T.im)
      times(T.re, T.im, re, im, n)
      for (let j = 0; j < n; j++) {
        T.re[j]! /= inner.n
        T.im[j]! /= inner.n
      }
      outer.re = T.re.subarray(0, n)
      outer.im = T.im.subarray(0, n)
    },
  }
  return outer
}

/** The numbers of both arrays exchanged, and the arrays. */
function exchanged(re: Float64Array, im: Float64Array): [Float64Array, Float64Array] {
  for (let j = 0; j < re.length; j++) {
    const x = re[j]!
    re[j] = im[j]!
    im[j] = x
  }
  return [re, im]
}

/** x ← x·c, the first n numbers. */
function times(re: Float64Array, im: Float64Array, cre: Float64Array, cim: Float64Array, n: number): void {
  for (let j = 0; j < n; j++) {
    const [a, b, c, d] = [re[j]!, im[j]!, cre[j]!, cim[j]!]
    re[j] = a * c - b * d
    im[j] = a * d + b * c
  }
}

/**
 * Forward transforms of `count` lines of n ≥ 1 numbers: `load` writes one to (re, im), `unload` reads its
 * transform there. For the inverse, exchange the two in both, and divide by n.
 */
export function* fourierSteps(
  n: number,
  count: number,
  load: (line: number, re: Float64Array, im: Float64Array) => void,
  unload: (line: number, re: Float64Array, im: Float64Array) => void,
): Steps<void> {
  const plan = yield* planSteps(n)
  const ws = acquire()
  try {
    const T = transformer(ws, plan)
    let work = 0
    for (let line = 0; line < count; line++) {
      load(line, T.re, T.im)
      yield* T.run()
      unload(line, T.re, T.im)
      work += n
      if (work < BUTTERFLIES / 2) continue
      work = 0
      yield* breath()
    }
  } finally {
    release(ws)
  }
}
