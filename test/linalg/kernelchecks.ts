import assert from 'node:assert/strict'
import { Workspace } from '../../src/linalg/wasm/workspace.js'
import type { KernelVariant } from '../../src/linalg/wasm/kernels.js'
import { eliminationChecks } from './eliminationchecks.js'
import { EPS, columns, near, numbers, put, take } from './checking.js'
import { spectralChecks } from './spectralchecks.js'
import { lineKernelChecks } from './linekernelchecks.js'
import { chaseChecks } from './chasechecks.js'

// What each variant of the kernels must do, against the plain kernels or against the definition. Plain
// assertions, so that the relaxed variant can be checked in a process of its own (see kernels.test.ts).

const EPS32 = 2 ** -23

type Layout = 'rows' | 'columns' | 'strided'
const LAYOUTS: readonly Layout[] = ['rows', 'columns', 'strided']

interface Case {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly alpha: number
  readonly beta: number
  readonly layouts: readonly [Layout, Layout, Layout]
}

/** Strides of an r × c matrix, and the elements it spans. */
function strides(layout: Layout, r: number, c: number): [rs: number, cs: number, span: number] {
  if (layout === 'rows') return [c + 1, 1, r * (c + 1)]
  if (layout === 'columns') return [1, r + 3, c * (r + 3)]
  return [3, 3 * r + 2, c * (3 * r + 2)]
}

/** gemm against its definition, within 2·(k + 4)·eps·(|alpha||A||B| + |beta||C|); all else is left as it was. */
function checkGemm(ws: Workspace, single: boolean, one: Case, seed: number): void {
  const { m, n, k, alpha, beta, layouts } = one
  const next = numbers(seed)
  const [ars, acs, aSpan] = strides(layouts[0], m, k)
  const [brs, bcs, bSpan] = strides(layouts[1], k, n)
  const [crs, ccs, cSpan] = strides(layouts[2], m, n)
  const a = Array.from({ length: aSpan }, next)
  const b = Array.from({ length: bSpan }, next)
  // Where beta is 0, C may hold anything.
  const c = Array.from({ length: cSpan }, () => (beta === 0 ? NaN : next()))

  const mark = ws.mark()
  const size = single ? 4 : 8
  const [A, B, C] = [a, b, c].map((x) => (single ? ws.alloc32(x.length + 1) : ws.alloc64(x.length + 1)))
  const view = single ? ws.f32 : ws.f64
  view.set(a, A! / size)
  view.set(b, B! / size)
  view.set([...c, 12345], C! / size)
  const { gemm, gemm32 } = ws.kernels
  ;(single ? gemm32 : gemm)(m, n, k, alpha, A!, ars, acs, B!, brs, bcs, beta, C!, crs, ccs)
  ws.reset(mark)
  const given = view.slice(C! / size, C! / size + cSpan + 1)
  const untouched = single ? Float32Array.from([...c, 12345]) : Float64Array.from([...c, 12345])

  const what = JSON.stringify({ single, ...one })
  const eps = single ? EPS32 : EPS
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const t = i * crs + j * ccs
      let expected = beta === 0 ? 0 : beta * c[t]!
      let magnitude = Math.abs(expected)
      for (let p = 0; p < k; p++) {
        const term = alpha * a[i * ars + p * acs]! * b[p * brs + j * bcs]!
        expected += term
        magnitude += Math.abs(term)
      }
      const error = Math.abs(given[t]! - expected)
      assert.ok(
        error <= 2 * (k + 4) * eps * magnitude,
        `${what} at (${i}, ${j}): ${given[t]} for ${expected}`,
      )
      given[t] = untouched[t]!
    }
  }
  given.forEach((x, t) => assert.ok(Object.is(x, untouched[t]), `${what} wrote outside C, at ${t}`))
}

const EDGES = {
  m: [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 31, 32, 33, 95, 96, 97, 191, 192, 193],
  n: [1, 2, 3, 4, 5, 7, 8, 9, 16, 63, 64, 65, 1023, 1024, 1025],
  k: [1, 2, 3, 255, 256, 257, 511, 512, 513],
}

function gemmChecks(ws: Workspace, single: boolean): Record<string, () => void> {
  let seed = 0
  const check = (one: Case): void => checkGemm(ws, single, one, seed++)
  const sizes = (m: number, n: number, k: number): Case => {
    const layouts = [0, 1, 2].map((t) => LAYOUTS[(seed + t * (seed % 5)) % 3]!) as [Layout, Layout, Layout]
    return { m, n, k, alpha: 1, beta: seed % 2, layouts }
  }
  return {
    'all small sizes': () => {
      for (let m = 0; m <= 9; m++)
        for (let n = 0; n <= 9; n++) for (let k = 0; k <= 9; k++) check(sizes(m, n, k))
    },
    'sizes around each block edge': () => {
      for (const m of EDGES.m)
        for (const [n, k] of [
          [1, 5],
          [5, 257],
          [9, 3],
          [70, 7],
        ])
          check(sizes(m, n!, k!))
      for (const n of EDGES.n)
        for (const [m, k] of [
          [1, 5],
          [5, 9],
          [13, 258],
          [40, 3],
        ])
          check(sizes(m!, n, k!))
      for (const k of EDGES.k)
        for (const [m, n] of [
          [1, 1],
          [5, 9],
          [7, 1],
          [1, 7],
          [9, 70],
        ])
          check(sizes(m!, n!, k))
      check(sizes(97, 1025, 257))
      check(sizes(2100, 1, 9))
    },
    'all layouts, alpha and beta': () => {
      for (const [m, n, k] of [
        [6, 7, 5],
        [1, 6, 9],
        [6, 1, 9],
        [13, 9, 260],
        [98, 66, 3],
        [3, 33, 4],
      ] as const) {
        for (const A of LAYOUTS)
          for (const B of LAYOUTS)
            for (const C of LAYOUTS)
              for (const alpha of [1, -0.5, 0])
                for (const beta of [0, 1, -0.25]) check({ m, n, k, alpha, beta, layouts: [A, B, C] })
      }
    },
  }
}

/** Puts numbers into a workspace and gives their address. */
function vectorChecks(ws: Workspace, reference: Workspace): Record<string, () => void> {
  const lengths = [...Array.from({ length: 21 }, (_, n) => n), 63, 64, 65, 1000, 1003]
  /** Runs on both and compares what is returned and what lies in x and y afterwards, guard numbers included. */
  const both = (
    name: string,
    run: (w: Workspace, n: number, x: number, y: number) => number | void,
  ): void => {
    for (const n of lengths) {
      const next = numbers(n)
      const [x, y] = [Array.from({ length: n + 1 }, next), Array.from({ length: n + 1 }, next)]
      const results = [ws, reference].map((w) => {
        const mark = w.mark()
        const [px, py] = [put(w, x), put(w, y)]
        const value = run(w, n, px, py) ?? 0
        w.reset(mark)
        return { value, x: take(w, px, n + 1), y: take(w, py, n + 1) }
      })
      const [given, expected] = results as [(typeof results)[0], (typeof results)[0]]
      near([given.value], [expected.value], 2 * (n + 1) * EPS * n, `${name}(${n})`)
      near(given.x, expected.x, 4 * EPS, `${name}(${n}), x`)
      near(given.y, expected.y, 4 * EPS, `${name}(${n}), y`)
    }
  }
  /** The same with x in float32. */
  const singles = (
    name: string,
    run: (w: Workspace, n: number, x: number, y: number) => number | void,
  ): void =>
    both(name, (w, n, x, y) => {
      const mark = w.mark()
      const narrow = w.alloc32(n)
      w.f32.set(w.f64.subarray(x / 8, x / 8 + n), narrow / 4)
      const value = run(w, n, narrow, y)
      w.reset(mark)
      return value
    })
  return {
    dot: () => both('dot', (w, n, x, y) => w.kernels.dot(n, x, y)),
    axpy: () => both('axpy', (w, n, x, y) => w.kernels.axpy(n, -0.7, x, y)),
    dot32: () => singles('dot32', (w, n, x, y) => w.kernels.dot32(n, x, y)),
    axpy32: () => singles('axpy32', (w, n, x, y) => w.kernels.axpy32(n, -0.7, x, y)),
    scal: () => both('scal', (w, n, x) => w.kernels.scal(n, 0.3, x)),
    rot: () => both('rot', (w, n, x, y) => w.kernels.rot(n, x, y, 0.6, 0.8)),
    maxAbs: () => {
      both('maxAbs', (w, n, x) => w.kernels.maxAbs(n, x))
      for (let i = 0; i < 7; i++) {
        const x = [0, 0, 0, 0, 0, 0, 0]
        x[i] = -2
        assert.equal(ws.kernels.maxAbs(7, put(ws, x)), 2)
        x[i] = NaN
        assert.ok(Number.isNaN(ws.kernels.maxAbs(7, put(ws, x))))
      }
      ws.clear()
    },
    nrm2: () => {
      both('nrm2', (w, n, x) => w.kernels.nrm2(n, x))
      for (const size of [
        5e-324,
        1e-320,
        2 ** -1022,
        1e-300,
        1e-200,
        1e-130,
        1,
        1e140,
        1e200,
        1e300,
        8e307,
      ]) {
        for (const n of [1, 2, 3, 4, 5, 9]) {
          const x = Array.from({ length: n }, (_, i) => (i % 2 ? 0 : size))
          const expected = size * Math.sqrt(Math.ceil(n / 2))
          const given = ws.kernels.nrm2(n, put(ws, x))
          const slack = 8 * EPS * expected + 5e-324
          if (expected < Infinity) near([given], [expected], slack, `nrm2(${n} of ${size})`)
        }
      }
      assert.equal(ws.kernels.nrm2(3, put(ws, [1, -Infinity, 2])), Infinity)
      assert.ok(Number.isNaN(ws.kernels.nrm2(3, put(ws, [1, NaN, 2]))))
      ws.clear()
    },
    transpose: () => {
      const sides = [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33]
      for (const m of sides) {
        for (const n of sides) {
          const [lda, ldb] = [n + 2, m + 1]
          const a = Array.from({ length: m * lda }, numbers(m + n))
          const [pa, pb] = [put(ws, a), put(ws, new Float64Array(n * ldb + 1).fill(7))]
          ws.kernels.transpose(m, n, pa, lda, pb, ldb)
          const expected = new Float64Array(n * ldb + 1).fill(7)
          for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) expected[j * ldb + i] = a[i * lda + j]!
          assert.deepEqual(take(ws, pb, n * ldb + 1), expected)
          ws.clear()
        }
      }
    },
  }
}

/** max over columns j of |Q·R − A|_j / |A|_j, and |QᵀQ − I|, for the factored panel. */
function checkQr(
  m: number,
  n: number,
  A: Float64Array,
  F: Float64Array,
  tau: Float64Array,
  what: string,
): void {
  const p = Math.min(m, n)
  // Column by column, H₀·…·H_{p−1}·R: the entries of each column are near its own norm, so its scale is safe.
  const apply = (x: Float64Array): Float64Array => {
    for (let j = p - 1; j >= 0; j--) {
      const v = (i: number): number => (i === j ? 1 : F[j * m + i]!)
      let w = 0
      for (let i = j; i < m; i++) w += v(i) * x[i]!
      for (let i = j; i < m; i++) x[i]! -= tau[j]! * w * v(i)
    }
    return x
  }
  for (let j = 0; j < n; j++) {
    const a = A.subarray(j * m, j * m + m)
    const size = a.reduce((s, x) => Math.max(s, Math.abs(x)), 0)
    const unit = size === 0 ? 1 : 2 ** Math.floor(Math.log2(size))
    const r = apply(Float64Array.from({ length: m }, (_, i) => (i <= j ? F[j * m + i]! / unit : 0)))
    near(
      r,
      a.map((x) => x / unit),
      40 * (m + n) * EPS,
      `${what}, column ${j} of Q·R`,
    )
  }
  const Q = Array.from({ length: p }, (_, j) =>
    apply(Float64Array.from({ length: m }, (_, i) => Number(i === j))),
  )
  for (let i = 0; i < p; i++) {
    for (let j = 0; j <= i; j++) {
      const product = Q[i]!.reduce((s, x, t) => s + x * Q[j]![t]!, 0)
      near([product], [Number(i === j)], 20 * (m + n) * EPS, `${what}, QᵀQ(${i}, ${j})`)
    }
  }
}

function qrChecks(ws: Workspace, reference: Workspace): Record<string, () => void> {
  const factor = (w: Workspace, m: number, n: number, A: Float64Array): [Float64Array, Float64Array] => {
    w.clear()
    const lda = m + 3
    const padded = new Float64Array(lda * n)
    for (let j = 0; j < n; j++) padded.set(A.subarray(j * m, j * m + m), j * lda)
    const [a, tau] = [put(w, padded), put(w, new Float64Array(Math.min(m, n)).fill(9))]
    w.kernels.qrPanel(m, n, a, lda, tau)
    const F = take(w, a, lda * n)
    w.clear()
    return [columns(m, n, (i, j) => F[i + j * lda]!), take(w, tau, Math.min(m, n))]
  }
  const shapes = [
    [0, 3],
    [3, 0],
    [1, 1],
    [2, 1],
    [1, 4],
    [4, 4],
    [5, 3],
    [3, 7],
    [8, 8],
    [9, 6],
    [64, 17],
    [201, 33],
  ]
  return {
    'qrPanel against plain': () => {
      for (const [m = 0, n = 0] of shapes) {
        const A = columns(m, n, numbers(m * n))
        for (let t = 0; t < Math.min(m, n); t++) A[t * m + t]! += 4
        const [given, tau] = factor(ws, m, n, A)
        const [expected, expectedTau] = factor(reference, m, n, A)
        near(given, expected, 100 * (m + n) * EPS, `qrPanel(${m}, ${n})`)
        near(tau, expectedTau, 100 * (m + n) * EPS, `qrPanel(${m}, ${n}), tau`)
      }
    },
    'qrPanel of hard matrices': () => {
      const hard: Record<string, (i: number, j: number) => number> = {
        hilbert: (i, j) => 1 / (i + j + 1),
        zero: () => 0,
        ones: () => 1,
        diagonal: (i, j) => (i === j ? -2 : 0),
        'zero columns': (i, j) => (j % 2 ? 0 : Math.sin(i * j + i + 1)),
        tiny: (i, j) => Math.sin(3 * i + j) * 1e-305,
        subnormal: (i, j) => (((i * 7 + j * 3) % 5) - 2) * 2 ** -1060,
        huge: (i, j) => Math.sin(3 * i + j) * 1e306,
        'negative first': (i, j) => (i === 0 ? -5 : Math.cos(i + j * j)),
      }
      for (const [m = 0, n = 0] of shapes) {
        for (const [name, entry] of Object.entries(hard)) {
          const A = columns(m, n, entry)
          const [F, tau] = factor(ws, m, n, A)
          if (name === 'subnormal') continue // its R has few bits; it must only not become NaN
          checkQr(m, n, A, F, tau, `${name} ${m}×${n}`)
        }
      }
      const [F, tau] = factor(ws, 6, 4, columns(6, 4, hard['subnormal']!))
      assert.ok(F.every(Number.isFinite) && tau.every(Number.isFinite))
    },
  }
}

function jacobiChecks(ws: Workspace, reference: Workspace): Record<string, () => void> {
  /** Sweeps until nothing rotates; gives U, V and the column norms. */
  const sweep = (w: Workspace, m: number, n: number, A: Float64Array, tol: number, what: string) => {
    w.clear()
    const u = put(w, A)
    const v = put(
      w,
      columns(n, n, (i, j) => Number(i === j)),
    )
    let sweeps = 0
    while (w.kernels.jacobiRows(m, n, u, m, n, v, n, 0, n, tol) > 0)
      assert.ok(++sweeps < 30, `${what} does not end`)
    const norms = Float64Array.from({ length: n }, (_, j) => w.kernels.nrm2(m, u + 8 * j * m))
    w.clear()
    return { U: take(w, u, m * n), V: take(w, v, n * n), norms }
  }
  const check = (m: number, n: number, A: Float64Array, what: string): Float64Array => {
    const tol = Math.sqrt(m) * EPS
    const { U, V, norms } = sweep(ws, m, n, A, tol, what)
    const size = A.reduce((s, x) => Math.max(s, Math.abs(x)), 0) || 1
    for (let j = 0; j < n; j++) {
      for (let i = 0; i < m; i++) {
        let product = 0
        for (let t = 0; t < n; t++) product += (A[i + t * m]! / size) * V[t + j * n]!
        near([U[i + j * m]! / size], [product], 40 * (m + n) * EPS, `${what}, A·V(${i}, ${j})`)
      }
      for (let q = 0; q < j; q++) {
        let cosine = 0
        let vv = 0
        for (let i = 0; i < m; i++) cosine += (U[i + j * m]! / norms[j]!) * (U[i + q * m]! / norms[q]!)
        for (let i = 0; i < n; i++) vv += V[i + j * n]! * V[i + q * n]!
        near([vv], [0], 40 * n * EPS, `${what}, VᵀV(${j}, ${q})`)
        const [low, high] = [Math.min(norms[j]!, norms[q]!), Math.max(norms[j]!, norms[q]!)]
        // Below that, the rotation's angle is subnormal.
        if (low > 1e-290 * high) near([cosine], [0], 4 * m * EPS, `${what}, cosine(${j}, ${q})`)
      }
    }
    return norms.sort().reverse()
  }
  return {
    'jacobiRows against plain': () => {
      for (const [m = 0, n = 0] of [
        [1, 1],
        [2, 2],
        [3, 2],
        [4, 4],
        [5, 5],
        [7, 3],
        [33, 9],
        [64, 20],
      ]) {
        const A = columns(m, n, numbers(m + n))
        const norms = check(m, n, A, `${m}×${n}`)
        const expected = sweep(reference, m, n, A, Math.sqrt(m) * EPS, 'plain')
          .norms.sort()
          .reverse()
        near(norms, expected, 40 * (m + n) * EPS * expected[0]!, `singular values of ${m}×${n}`)
      }
    },
    'jacobiRows in pieces, without V': () => {
      const [m, n] = [12, 7]
      const A = columns(m, n, numbers(3))
      const whole = put(ws, A)
      const pieces = put(ws, A)
      const { jacobiRows } = ws.kernels
      const rotations = jacobiRows(m, n, whole, m, 0, 0, 0, 0, n, 1e-15)
      let sum = 0
      for (let p = 0; p < n; p++) sum += jacobiRows(m, n, pieces, m, 0, 0, 0, p, p + 1, 1e-15)
      assert.equal(sum, rotations)
      assert.deepEqual(take(ws, pieces, m * n), take(ws, whole, m * n))
      ws.clear()
    },
    'jacobiRows of graded columns keeps small values': () => {
      const [m, n] = [40, 19]
      const Q = columns(m, n, numbers(5))
      const [near1, tiny] = [check(m, n, Q, 'base'), 1e-18]
      assert.ok(near1[n - 1]! > 0.1)
      for (const scale of [1, 1e-150, 1e150]) {
        const A = Q.map((x, t) => x * scale * 10 ** -Math.floor(t / m))
        const s = check(m, n, A, `graded times ${scale}`)
        const det = (values: Float64Array): number => values.reduce((sum, x) => sum + Math.log10(x), 0)
        const expected = det(near1) + n * Math.log10(scale) - (n * (n - 1)) / 2
        near([det(s)], [expected], 1e-10, `determinant, graded times ${scale}`)
        assert.ok(s[n - 1]! < 100 * tiny * scale)
      }
    },
    'jacobiRows of zero, equal and subnormal columns': () => {
      check(
        6,
        5,
        columns(6, 5, (i, j) => (j === 2 ? 0 : Math.sin(i + j * j))),
        'a zero column',
      )
      check(
        6,
        4,
        columns(6, 4, () => 1),
        'equal columns',
      )
      const A = columns(6, 3, (i, j) => (j === 1 ? 2 ** -1040 : 1) * Math.sin(1 + i + 5 * j))
      const { norms } = sweep(ws, 6, 3, A, 1e-15, 'a subnormal column')
      assert.ok(norms.every(Number.isFinite))
    },
  }
}

/** All checks of a variant by name. */
export function kernelChecks(variant: KernelVariant): Record<string, () => void> {
  const ws = new Workspace(variant)
  const reference = new Workspace('plain')
  const named = (prefix: string, checks: Record<string, () => void>): Record<string, () => void> =>
    Object.fromEntries(Object.entries(checks).map(([name, check]) => [`${prefix}${name}`, check]))
  return {
    ...named('gemm: ', gemmChecks(ws, false)),
    ...named('gemm32: ', gemmChecks(ws, true)),
    ...vectorChecks(ws, reference),
    ...qrChecks(ws, reference),
    ...jacobiChecks(ws, reference),
    ...eliminationChecks(ws, reference),
    ...spectralChecks(ws, reference),
    ...lineKernelChecks(ws, reference),
    ...chaseChecks(ws, reference),
  }
}
