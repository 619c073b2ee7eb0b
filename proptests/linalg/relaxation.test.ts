import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ConvergenceError,
  NotFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  ShapeError,
  SingularMatrixError,
  asOperator,
  cg,
  csr,
  diag,
  eye,
  matrix,
  norm,
  random,
  solve,
  sor,
  ssor,
  zeros,
} from '../../src/linalg/index.js'
import type { CsrOperator, Matrix, Solution } from '../../src/linalg/index.js'
import { LAYOUTS, RUNS, relaid } from '../support/cases.js'
import { EPS, minus, residualUnits, times } from '../support/measures.js'

/** A strictly diagonally dominant matrix with about half its entries 0, times 10^scale. */
function dominant(n: number, seed: number, scale = 0, symmetric = false): Matrix {
  const A = random.normal([n, n], { seed })
  const keep = random.uniform([n, n], { seed: seed + 1 })
  for (let e = 0; e < n * n; e++) if (keep.data[e]! < 0.5) A.data[e] = 0
  if (symmetric) for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) A.set(j, i, A.get(i, j))
  for (let i = 0; i < n; i++) {
    let sum = 1
    for (let j = 0; j < n; j++) if (j !== i) sum += Math.abs(A.get(i, j))
    A.set(i, i, sum)
  }
  for (let e = 0; e < n * n; e++) A.data[e]! *= 10 ** scale
  return A
}

/** Compressed rows from entries in no order, some of them in two parts. */
function sparse(A: Matrix): CsrOperator {
  const [m = 0, n = 0] = A.shape
  const cells = Array.from({ length: m * n }, (_, e) => m * n - 1 - e).filter((e) => A.data[e] !== 0)
  const halves = [...cells, ...cells]
  return csr({
    shape: [m, n],
    rows: halves.map((e) => Math.floor(e / n)),
    cols: halves.map((e) => e % n),
    values: halves.map((e) => A.data[e]! / 2),
  })
}

/** One textbook sweep: each unknown in turn, by the newest values of the others. */
function textbookSweep(A: Matrix, b: ArrayLike<number>, x: Float64Array, omega: number): void {
  const n = x.length
  for (let i = 0; i < n; i++) {
    let sum = b[i]!
    for (let j = 0; j < n; j++) if (j !== i) sum -= A.get(i, j) * x[j]!
    x[i] = (1 - omega) * x[i]! + (omega * sum) / A.get(i, i)
  }
}

/** The Laplacian of a side × side grid. */
function laplacian(side: number): Matrix {
  const A = zeros([side * side, side * side])
  for (let r = 0; r < side; r++) {
    for (let c = 0; c < side; c++) {
      const at = r * side + c
      A.set(at, at, 4)
      if (c > 0) A.set(at, at - 1, -1)
      if (c < side - 1) A.set(at, at + 1, -1)
      if (r > 0) A.set(at, at - side, -1)
      if (r < side - 1) A.set(at, at + side, -1)
    }
  }
  return A
}

const systems = fc.record({
  n: fc.integer({ min: 1, max: 25 }),
  k: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(1000),
  scaleA: fc.constantFrom(0, 150, -150),
  scaleB: fc.constantFrom(0, 150, -150),
  layout: fc.constantFrom(...LAYOUTS),
})

describe('sor', () => {
  test('solves diagonally dominant systems at every scale and in every layout; compressed rows give the same bits', () => {
    fc.assert(
      fc.property(systems, ({ n, k, seed, scaleA, scaleB, layout }) => {
        fc.pre(Math.abs(scaleB - scaleA) < 300)
        const A = dominant(n, seed, scaleA)
        const B = random.normal([n, k], { seed: seed + 2 })
        for (let e = 0; e < B.data.length; e++) B.data[e]! *= 10 ** scaleB
        const options = { rtol: 1e-10, maxIterations: 1000 }
        const { x, residual, iterations } = sor(relaid(A, layout), relaid(B, layout), options)
        expect(norm(minus(times(A, x), B))).toBeLessThanOrEqual(1e-10 * Math.sqrt(k) * norm(B) * (1 + 1e-4))
        expect(residual).toBeLessThanOrEqual(1e-10)
        const again = sor(sparse(A), B, options)
        expect(again).toEqual({ x, residual, iterations })
        // A column is solved as if it were alone.
        const first = sor(
          A,
          Array.from({ length: n }, (_, i) => B.get(i, 0)),
          options,
        )
        expect(first.x).toEqual(Float64Array.from({ length: n }, (_, i) => x.get(i, 0)))
      }),
      RUNS,
    )
  })

  test('sweeps as the textbook does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 8 }),
        fc.double({ min: 0.1, max: 1.9, noNaN: true }),
        fc.nat(1000),
        (n, sweeps, omega, seed) => {
          const A = dominant(n, seed, 0, true)
          const b = random.normal([n], { seed: seed + 2 }).data
          const x = new Float64Array(n)
          for (let t = 0; t < sweeps; t++) textbookSweep(A, b, x, omega)
          const best = bestOf(() => sor(A, b, { omega, rtol: 0, maxIterations: sweeps }))
          // Each of the sweeps errs by some roundings of sizes that are at most those of the solution.
          const difference = Math.hypot(...best.x.map((value, i) => value - x[i]!))
          expect(difference).toBeLessThanOrEqual(30 * sweeps * n * EPS * Math.hypot(...b))
        },
      ),
      RUNS,
    )
  })

  test('converges for positive definite matrices with every ω in (0, 2), and in the A-norm at every sweep', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.double({ min: 0.05, max: 1.95, noNaN: true }),
        fc.nat(1000),
        (n, omega, seed) => {
          const A = dominant(n, seed, 0, true)
          const b = random.normal([n], { seed: seed + 2 }).data
          const exact = solve(A, b)
          const error = (x: Float64Array): number => {
            const e = matrix(
              x.map((value, i) => value - exact[i]!),
              [n, 1],
            )
            return Math.sqrt(Math.max(0, times(e, times(A, e), true).get(0, 0)))
          }
          let before = error(new Float64Array(n))
          const floor = 30 * n * EPS * before
          for (let sweeps = 1; sweeps <= 5; sweeps++) {
            const now = error(bestOf(() => sor(A, b, { omega, rtol: 0, maxIterations: sweeps })).x)
            expect(now).toBeLessThanOrEqual(before * (1 + 1e-10) + floor)
            before = now
          }
          expect(sor(A, b, { omega, rtol: 1e-8, maxIterations: 100_000 }).residual).toBeLessThanOrEqual(1e-8)
        },
      ),
      RUNS,
    )
  })

  test('the best ω of a 10×10 grid takes a fifth of the sweeps of Gauss–Seidel', () => {
    const A = laplacian(10)
    const b = random.normal([100]).data
    const beta = Math.cos(Math.PI / 11)
    const best = 2 / (1 + Math.sqrt(1 - beta ** 2))
    const sweeps = (omega?: number): number => sor(A, b, { omega, rtol: 1e-8 }).iterations
    expect(best).toBeCloseTo(1.5604, 4)
    expect(sweeps(best)).toBeGreaterThan(35)
    expect(sweeps(best)).toBeLessThan(45)
    expect(sweeps()).toBeGreaterThan(4 * sweeps(best))
    expect(sweeps(1.95)).toBeGreaterThan(4 * sweeps(best))
    expect(sweeps()).toBe(sweeps(1))
  })

  test('b = 0, n = 0, no columns; inputs are left as they are', () => {
    expect(sor(eye(3), [0, 0, 0])).toEqual({ x: new Float64Array(3), iterations: 0, residual: 0 })
    expect(sor(zeros([0, 0]), []).x.length).toBe(0)
    expect(sor(eye(3), zeros([3, 0])).x.shape).toEqual([3, 0])
    const A = dominant(6, 1)
    const b = random.normal([6]).data
    const copies = [A.data.slice(), b.slice()]
    sor(A, b)
    expect([A.data, b]).toEqual(copies)
  })

  test('says what is wrong', async () => {
    const b = [1, 2]
    expect(() =>
      sor(
        [
          [1, 3],
          [3, 1],
        ],
        b,
      ),
    ).toThrow(/^sor: A: expected .*growing$/)
    // It does not go on until numbers overflow: 9 times more each sweep, 2⁵² in 17.
    const apart = bestOf(() =>
      sor(
        matrix([
          [1, 3],
          [3, 1],
        ]),
        b,
        { maxIterations: 1000 },
      ),
    )
    expect(apart.iterations).toBeLessThan(20)
    expect(() =>
      sor(
        [
          [1, 1],
          [1, 1 + 1e-9],
        ],
        b,
        { maxIterations: 5 },
      ),
    ).toThrow(ConvergenceError)
    expect(() =>
      sor(dominant(20, 3), random.normal([20]).data, { rtol: 1e-17, maxIterations: 1000 }),
    ).toThrow(/as near as rounding/)
    expect(() =>
      sor(
        [
          [0, 1],
          [1, 0],
        ],
        b,
      ),
    ).toThrow(SingularMatrixError)
    expect(() =>
      sor(
        [
          [1e-320, 1e300],
          [1, 1e-320],
        ],
        b,
      ),
    ).toThrow(ConvergenceError)
    expect(() =>
      sor(
        [
          [1, NaN],
          [1, 1],
        ],
        b,
      ),
    ).toThrow(NotFiniteError)
    expect(() =>
      sor(
        asOperator([
          [1, 0],
          [0, 1],
        ]) as never,
        b,
      ),
    ).toThrow(/whose entries can be read/)
    expect(() =>
      sor(
        [
          [1, 0, 0],
          [0, 1, 0],
        ],
        b,
      ),
    ).toThrow(ShapeError)
    expect(() => sor(eye(2), [1, 2, 3])).toThrow(ShapeError)
    for (const omega of [0, 2, -1, NaN, '1'])
      expect(() => sor(eye(2), b, { omega: omega as number })).toThrow(OptionError)
    expect(() => sor(eye(2), b, { omgea: 1 } as never)).toThrow(OptionError)
    await expect(sor.async(eye(2), b, { signal: AbortSignal.abort() })).rejects.toThrow('abort')
    expect(await sor.async(dominant(9, 5), random.normal([9]).data)).toEqual(
      sor(dominant(9, 5), random.normal([9]).data),
    )
  })
})

/** What a solver that stops too early had reached. */
function bestOf(run: () => Solution<Float64Array>): Solution<Float64Array> {
  try {
    return run()
  } catch (error) {
    return (error as ConvergenceError<Solution<Float64Array>>).best!
  }
}

describe('ssor', () => {
  test('is the inverse of ω/(2 − ω)·(D/ω + L)·D⁻¹·(D/ω + L)ᵀ', () => {
    fc.assert(
      fc.property(
        systems,
        fc.double({ min: 0.1, max: 1.9, noNaN: true }),
        ({ n, k, seed, scaleA, layout }, omega) => {
          const A = dominant(n, seed, scaleA, true)
          const lower = zeros([n, n])
          for (let i = 0; i < n; i++) {
            for (let j = 0; j < i; j++) lower.set(i, j, A.get(i, j))
            lower.set(i, i, A.get(i, i) / omega)
          }
          const scaledLower = times(lower, diag(Float64Array.from({ length: n }, (_, i) => 1 / A.get(i, i))))
          const P = times(scaledLower, matrix(lower.transpose(1, 0)))
          for (let e = 0; e < n * n; e++) P.data[e]! *= omega / (2 - omega)
          const M = ssor(relaid(A, layout), { omega })
          const R = random.normal([n, k], { seed: seed + 2 })
          const Y = M.matmat(R)
          // Both triangles are diagonally dominant up to ω: solving with them loses little.
          const condition = (norm(lower) / 10 ** scaleA) ** 2
          expect(norm(minus(times(P, Y), R))).toBeLessThanOrEqual(30 * n * EPS * condition * norm(R))
          expect(M.rmatmat(R)).toEqual(Y)
          expect(ssor(sparse(A), { omega }).matmat(R).data).toEqual(Y.data)
        },
      ),
      RUNS,
    )
  })

  test('is symmetric and positive definite, and helps conjugate gradients', () => {
    const A = laplacian(20)
    const M = ssor(A, { omega: 1.8 }).matmat(eye(400))
    expect(residualUnits(M, matrix(M.transpose(1, 0)))).toBeLessThan(30)
    const b = random.normal([400]).data
    const plain = cg(A, b).iterations
    const helped = cg(A, b, { preconditioner: ssor(A, { omega: 1.8 }) })
    expect(helped.residual).toBeLessThanOrEqual(2 ** -26)
    expect(helped.iterations).toBeLessThan(plain / 2.5)
    expect(helped.iterations).toBeLessThan(cg(A, b, { preconditioner: ssor(A) }).iterations)
  })

  test('reads what is on and below the diagonal, and refuses what cannot be', () => {
    const R = random.normal([2, 3])
    expect(
      ssor([
        [2, 9],
        [1, 3],
      ]).matmat(R),
    ).toEqual(
      ssor([
        [2, 1],
        [1, 3],
      ]).matmat(R),
    )
    expect(ssor(zeros([0, 0])).matmat(zeros([0, 2])).shape).toEqual([0, 2])
    expect(() =>
      ssor([
        [1, 0],
        [0, -1],
      ]),
    ).toThrow(NotPositiveDefiniteError)
    expect(() =>
      ssor([
        [1, 0],
        [0, 0],
      ]),
    ).toThrow(SingularMatrixError)
    expect(() => ssor(eye(2), { omega: 2 })).toThrow(OptionError)
    expect(() => ssor(zeros([2, 3]))).toThrow(ShapeError)
  })
})
