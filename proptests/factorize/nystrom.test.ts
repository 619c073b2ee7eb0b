import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { kernelMatrix, nystrom } from '../../src/factorize/index.js'
import type { NystromOptions } from '../../src/factorize/index.js'
import {
  cg,
  eigh,
  eye,
  norm,
  operator,
  random,
  sum,
  toNested,
  transpose,
  asOperator,
} from '../../src/linalg/index.js'
import type { LinearOperator, Matrix } from '../../src/linalg/index.js'
import { LAYOUTS, RUNS, SPECTRA, cases, relaid, spectrumOf, symmetric } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import { doors } from '../support/doors.js'
import {
  EPS,
  YARDSTICK,
  expectDescending,
  expectOriented,
  minus,
  orthogonalityUnits,
  times,
} from '../support/measures.js'

const COLUMNS = ['gaussian', 'uniform', 'leverage', 'rpcholesky'] as const
const columns = fc.constantFrom(...COLUMNS)
const rank = fc.integer({ min: 1, max: 12 })

/** A semidefinite n × n matrix for a case, n = min(m, n), of its spectrum, scale and layout. */
const semidefinite = (c: Case): Matrix => relaid(symmetric(spectrumOf(c), c.seed), c.layout)

const total = (x: ArrayLike<number>): number => Array.from(x).reduce((sum, v) => sum + v, 0)

/** The yardstick in the scale of A: what rounding, and the shift ν = √n·eps·‖AΩ‖, may add. */
const rounding = (c: Case): number =>
  YARDSTICK * EPS * Math.max(c.m, c.n, 1) * Math.hypot(...spectrumOf(c), 0)

const traceOf = (A: Matrix): number => {
  let trace = 0
  for (let i = 0; i < A.shape[0]!; i++) trace += A.get(i, i)
  return trace
}

/** The values of a symmetric matrix that rounding has made slightly unsymmetric. */
function valuesOf(A: Matrix): Float64Array {
  const n = A.shape[0]!
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) A.set(i, j, A.get(j, i))
  return eigh(A).values
}

describe('nystrom of a fixed rank', () => {
  test('0 ≤ Â ≤ A in the order of semidefinite matrices; orthonormal, oriented, descending', () => {
    fc.assert(
      fc.property(cases(), rank, columns, fc.nat(10), (c, k, columns, oversample) => {
        const A = semidefinite(c)
        const n = A.shape[0]!
        const result = nystrom(A, { rank: k, columns, oversample, seed: c.seed })
        expect(result.rank).toBeLessThanOrEqual(Math.min(k, n))
        expect(result.U.shape).toEqual([n, result.rank])
        expect(result.values.length).toBe(result.rank)
        expectDescending(result.values)
        result.values.forEach((value) => expect(value).toBeGreaterThan(0))
        expectOriented(result.U)
        expect(orthogonalityUnits(result.U)).toBeLessThan(YARDSTICK)
        const room = rounding(c)
        const s = spectrumOf(c)
        result.values.forEach((value, j) => expect(value).toBeLessThanOrEqual(s[j]! + room))
        const rest = minus(A, result.toDense())
        if (n > 0) expect(valuesOf(rest)[0]).toBeGreaterThanOrEqual(-room)
        // The estimate is the truth: the trace of the rest, which is semidefinite, is its trace norm.
        expect(result.errorNorm).toBe('trace')
        const room2 = room * Math.sqrt(Math.max(n, 1))
        expect(Math.abs(result.errorEstimate * total(s) - traceOf(rest))).toBeLessThanOrEqual(room2)
        // Never below Eckart and Young.
        expect(traceOf(rest)).toBeGreaterThanOrEqual(total(s.slice(k)) - room2)
      }),
      RUNS,
    )
  })

  test('exact where the rank of A is at most the rank asked for', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 12, scales: [0, 150, -150] }),
        fc.integer({ min: 1, max: 5 }),
        columns,
        (c, r, columns) => {
          const n = Math.min(c.m, c.n)
          const s = Float64Array.from({ length: n }, (_, j) => (j < r ? 10 ** c.scale * (1 + j) : 0))
          const A = symmetric(s, c.seed)
          const result = nystrom(A, { rank: r, columns, seed: c.seed, oversample: 3 })
          expect(result.rank).toBe(r)
          // A core of r columns of the identity may have any condition: what it divides is the shift, n·eps or so.
          const core = eigh(result.indices.length === 0 ? A : rowsOf(A, result.indices)).values
          const condition = core.at(-1)! / core[core.length - r]!
          const room = YARDSTICK * EPS * n * n * Math.hypot(...s) * condition
          expect(norm(minus(A, result.toDense()))).toBeLessThanOrEqual(room)
        },
      ),
      RUNS,
    )
  })

  test('the mean trace error of the Gaussian sketch is within the theorem of Tropp et al.', () => {
    const [n, runs] = [100, 60]
    for (const name of ['polynomial', 'exponential', 'flat'] as const) {
      const s = SPECTRA[name](n)
      const A = symmetric(s, 3)
      for (const k of [10, 25]) {
        let mean = 0
        for (let seed = 0; seed < runs; seed++) {
          mean += (nystrom(A, { rank: k, oversample: 0, seed }).errorEstimate * total(s)) / runs
        }
        let best = Infinity
        for (let r = 0; r < k - 1; r++) best = Math.min(best, (1 + r / (k - r - 1)) * total(s.slice(r)))
        expect(mean).toBeLessThanOrEqual(best + YARDSTICK * EPS * n * total(s))
      }
    }
  })

  test('a spectrum of 20 decades, where the plain formula has no digit', () => {
    const n = 120
    const s = Float64Array.from({ length: n }, (_, j) => 10 ** (-j / 2))
    const A = symmetric(s, 1)
    for (let seed = 0; seed < 20; seed++) {
      const result = nystrom(A, { rank: 40, oversample: 0, seed })
      expect(Math.abs(traceOf(minus(A, result.toDense()))) / total(s)).toBeLessThan(YARDSTICK * EPS * n)
    }
  })
})

/** The entries among the given indices. */
function rowsOf(A: Matrix, indices: Int32Array): Matrix {
  const W = eye(indices.length)
  indices.forEach((i, a) => {
    indices.forEach((j, b) => {
      W.set(a, b, A.get(i, j))
    })
  })
  return W
}

describe('the pivots of rpcholesky', () => {
  test('follow the law of pivots that are drawn one by one', () => {
    // Six points; the law of the first two pivots by the definition, against 4000 seeds, within 4.5 sigma (36 cells).
    const A = symmetric([3, 2, 1, 0.5, 0.2, 0.1], 4)
    const n = 6
    const seeds = 4000
    const law = new Float64Array(n * n)
    const trace = traceOf(A)
    for (let i = 0; i < n; i++) {
      const rest = Array.from({ length: n }, (_, j) =>
        j === i ? 0 : A.get(j, j) - A.get(i, j) ** 2 / A.get(i, i),
      )
      for (let j = 0; j < n; j++) law[i * n + j] = ((A.get(i, i) / trace) * rest[j]!) / total(rest)
    }
    const seen = new Float64Array(n * n)
    for (let seed = 0; seed < seeds; seed++) {
      const { indices } = nystrom(A, { rank: 2, oversample: 2, columns: 'rpcholesky', seed })
      seen[indices[0]! * n + indices[1]!]!++
    }
    law.forEach((p, cell) => {
      const sigma = Math.sqrt(seeds * p * (1 - p))
      expect(Math.abs(seen[cell]! - seeds * p)).toBeLessThanOrEqual(4.5 * sigma + 1)
    })
  })

  test('reach (1 + ε) times the best rank r after r/ε + r·log(1/(εη)) of them, in the mean', () => {
    const [n, runs] = [100, 40]
    for (const [decay, r, epsilon] of [
      [0.7, 4, 1],
      [0.7, 4, 0.25],
      [0.9, 8, 0.5],
    ] as const) {
      const s = Float64Array.from({ length: n }, (_, j) => decay ** j)
      const best = total(s.slice(r))
      const pivots = Math.ceil(r / epsilon + r * Math.log(total(s) / (epsilon * best)))
      const A = symmetric(s, 2)
      let mean = 0
      for (let seed = 0; seed < runs; seed++) {
        const options = { rank: pivots, oversample: 0, columns: 'rpcholesky', seed } as const
        mean += (nystrom(A, options).errorEstimate * total(s)) / runs
      }
      expect(mean).toBeLessThanOrEqual((1 + epsilon) * best)
    }
  })

  test('never take a point twice: 900 of 1000 in one place', () => {
    const X = random.normal([1000, 1])
    X.data.forEach((_, i) => (X.data[i] = i % 10 === 0 ? 1000 + 100 * i : 0))
    const K = kernelMatrix(X, { gamma: 1 })
    const result = nystrom(K, { rank: 120, oversample: 0, columns: 'rpcholesky' })
    // 101 places, after which nothing is left.
    expect(result.rank).toBe(101)
    expect(result.errorEstimate).toBeLessThan(YARDSTICK * EPS)
  })

  test('are distinct, and their columns are exact', () => {
    fc.assert(
      fc.property(cases({ minSide: 15, scales: [0], spectra: ['polynomial', 'flat'] }), rank, (c, k) => {
        const A = semidefinite({ ...c, layout: 'rows' })
        const result = nystrom(A, { rank: k, oversample: 0, columns: 'rpcholesky', seed: c.seed })
        expect(new Set(result.indices).size).toBe(result.indices.length)
        const rest = minus(A, result.toDense())
        for (const j of result.indices) {
          for (let i = 0; i < A.shape[0]!; i++)
            expect(Math.abs(rest.get(i, j))).toBeLessThanOrEqual(rounding(c))
        }
      }),
      RUNS,
    )
  })
})

describe('the columns by leverage', () => {
  test('are spread as the ridge leverage scores say', () => {
    // 900 points in one place, 100 far apart: K has the values 900 and 1 (100 times). 50 columns look for the ridge
    // beyond the first ⌈50/(4·ln 50)⌉ = 4, λ = 97/4, with scores 900λ/(900 + λ) in all for the one place, λ/(1 + λ)
    // for each of the others: ten columns of it. Uniform ones take 45.
    const X = random.normal([1000, 1])
    X.data.forEach((_, i) => (X.data[i] = i % 10 === 0 ? 1000 + 100 * i : 0))
    const K = kernelMatrix(X, { gamma: 1 })
    const lambda = 97 / 4
    const [place, others] = [(900 * lambda) / (900 + lambda), (100 * lambda) / (1 + lambda)]
    const seeds = 40
    let mean = 0
    for (let seed = 0; seed < seeds; seed++) {
      const { indices } = nystrom(K, { rank: 40, columns: 'leverage', seed })
      mean += indices.filter((i) => X.data[i] === 0).length / seeds
    }
    const expected = (50 * place) / (place + others)
    expect(mean).toBeGreaterThan(0.7 * expected)
    expect(mean).toBeLessThan(1.4 * expected)
  })
})

describe('the estimate by probes', () => {
  test('is within a factor 2 of the truth for at least 97 % of seeds', () => {
    const n = 60
    for (const s of [SPECTRA.polynomial(n), SPECTRA.exponential(n)]) {
      const A = symmetric(s, 2)
      const { matmat } = asOperator(A)
      const bare = operator({ shape: [n, n], matmat, rmatmat: matmat })
      for (const columns of ['gaussian', 'uniform'] as const) {
        let good = 0
        for (let seed = 0; seed < 100; seed++) {
          const result = nystrom(bare, { rank: 5, columns, oversample: 2, seed })
          expect(result.errorNorm).toBe('fro')
          const ratio = result.errorEstimate / (norm(minus(A, result.toDense())) / norm(A))
          if (ratio > 0.5 && ratio < 2) good++
        }
        expect(good).toBeGreaterThanOrEqual(97)
      }
    }
  })
})

describe('nystrom to a tolerance', () => {
  test('reaches rtol in the norm that it names', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 1, scales: [0, 150, -150] }),
        fc.constantFrom(0.5, 0.1, 1e-3, 1e-9),
        columns,
        fc.boolean(),
        (c, rtol, columns, bare) => {
          const A = semidefinite(c)
          const { shape, matmat, rmatmat } = asOperator(A)
          const result = nystrom(bare ? operator({ shape, matmat, rmatmat }) : A, {
            rtol,
            columns,
            seed: c.seed,
          })
          const rest = minus(A, result.toDense())
          const s = spectrumOf(c)
          const [error, size] =
            result.errorNorm === 'trace' ? [traceOf(rest), total(s)] : [norm(rest), Math.hypot(...s, 0)]
          // Rounding, and the shift of each direction. What has no diagonal has no norm either: it is estimated.
          const room = rounding(c) * Math.sqrt(Math.max(1, s.length))
          const doubt = result.errorNorm === 'trace' ? 1 : 2
          expect(error).toBeLessThanOrEqual(doubt * rtol * size + room)
        },
      ),
      RUNS,
    )
  })

  test('adapts its rank to the spectrum, and stops at rank where that comes first', () => {
    const n = 150
    const s = Float64Array.from({ length: n }, (_, j) => 0.7 ** j)
    const A = symmetric(s, 1)
    for (const columns of COLUMNS) {
      let optimum = 0
      while (total(s.slice(optimum)) > 1e-3 * total(s)) optimum++
      const found = nystrom(A, { rtol: 1e-3, columns })
      expect(found.rank).toBeGreaterThanOrEqual(optimum)
      expect(found.rank).toBeLessThanOrEqual(optimum + 12)
      expect(nystrom(A, { rtol: 1e-3, rank: 4, columns }).rank).toBe(4)
      expect(nystrom(A, { atol: 2 * total(s), columns }).rank).toBe(0)
    }
  })
})

describe('solve and preconditioner', () => {
  test('solve is backward stable for Â + ridge·I', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 1 }),
        rank,
        columns,
        fc.constantFrom(1, 1e-3, 1e-8),
        fc.boolean(),
        fc.boolean(),
        (c, k, columns, relative, vector, within) => {
          const A = semidefinite(c)
          const n = A.shape[0]!
          const result = nystrom(A, { rank: k, columns, seed: c.seed })
          const ridge = relative * 10 ** c.scale
          const B = random.normal([n, 2], { seed: c.seed })
          // A right-hand side in the range of Â has a solution ridge/λ times smaller than others.
          if (within) B.data.set(times(result.U, times(result.U, B, true)).data)
          const b = B.data.filter((_, e) => e % 2 === 0)
          const X = result.solve(B, ridge)
          const M = result.toDense()
          for (let i = 0; i < n; i++) M.data[i * (n + 1)]! += ridge
          const back = norm(minus(times(M, X), B))
          expect(back).toBeLessThanOrEqual(YARDSTICK * n * EPS * (norm(M) * norm(X) + norm(B)))
          if (!vector) return
          const x = result.solve(b, ridge)
          expect(x).toBeInstanceOf(Float64Array)
          x.forEach((value, i) =>
            expect(Math.abs(value - X.get(i, 0))).toBeLessThanOrEqual(
              (YARDSTICK * n * EPS * norm(B)) / ridge,
            ),
          )
        },
      ),
      RUNS,
    )
  })

  test('the preconditioner inverts Â + ridge·I up to a factor on its range, and speeds cg up', () => {
    const X = random.normal([300, 2])
    const K = kernelMatrix(X, { gamma: 0.5 })
    const ridge = 1e-4
    const approximation = nystrom(K, { rank: 60, columns: 'rpcholesky' })
    const P = approximation.preconditioner(ridge).matmat(eye(300))
    // M·(Â + ridge)·u = (λ_last + ridge)·u on the range.
    const shifted = approximation.toDense()
    for (let i = 0; i < 300; i++) shifted.data[i * 301]! += ridge
    const expected = approximation.U.data.map((u) => u * (approximation.values.at(-1)! + ridge))
    const image = times(times(P, shifted), approximation.U)
    image.data.forEach((value, e) => expect(Math.abs(value - expected[e]!)).toBeLessThan(1e-10))

    const regularized = sum(K, scaledIdentity(300, ridge))
    const y = random.normal([300], { seed: 1 }).data
    const plain = cg(regularized, y, { maxIterations: 3000 })
    const better = cg(regularized, y, { preconditioner: approximation.preconditioner(ridge) })
    expect(better.iterations * 5).toBeLessThanOrEqual(plain.iterations)
  })
})

function scaledIdentity(n: number, factor: number): LinearOperator {
  const times = (V: Matrix): Matrix => {
    const out = random.normal([...V.shape] as [number, number])
    V.data.forEach((v, e) => (out.data[e] = factor * v))
    return out
  }
  return operator({ shape: [n, n], matmat: times, rmatmat: times })
}

describe('one answer', () => {
  test('the same bits for the same seed, others for another', () => {
    const A = symmetric(SPECTRA.polynomial(40), 1)
    for (const columns of COLUMNS) {
      const options: NystromOptions = { rank: 4, oversample: 1, columns, seed: 7 }
      const [first, second] = [nystrom(A, options), nystrom(A, options)]
      expect(first.U.data).toEqual(second.U.data)
      expect(first.values).toEqual(second.values)
      expect(nystrom(A, { ...options, seed: 8 }).values).not.toEqual(first.values)
    }
  })

  test('every door and layout agrees', async () => {
    const n = 40
    const s = SPECTRA.exponential(n)
    const A = symmetric(s, 1)
    for (const columns of COLUMNS) {
      const options: NystromOptions = { rank: 6, columns, seed: 3 }
      const expected = nystrom(A, options).toDense()
      const room = YARDSTICK * n * EPS * norm(A)
      for (const layout of LAYOUTS) {
        expect(norm(minus(nystrom(relaid(A, layout), options).toDense(), expected))).toBeLessThanOrEqual(room)
      }
      expect(norm(minus(nystrom(toNested(A), options).toDense(), expected))).toBeLessThanOrEqual(room)
      expect(norm(minus((await nystrom.async(A, options)).toDense(), expected))).toBeLessThanOrEqual(room)
      for (const [name, door] of Object.entries(doors(A))) {
        const answer = (await nystrom(door, options)).toDense()
        if (name === 'single') {
          // Products in float32 see a matrix that is 2⁻²³ away, and may choose other columns of it.
          const coarse = YARDSTICK * n * 2 ** -23 * norm(A)
          expect(valuesOf(minus(A, answer))[0]).toBeGreaterThanOrEqual(-coarse)
          expect(norm(minus(A, answer))).toBeLessThanOrEqual(2 * norm(minus(A, expected)) + coarse)
          continue
        }
        expect(norm(minus(answer, expected)), `${columns}, ${name}`).toBeLessThanOrEqual(room)
      }
    }
  })

  test('is what it is of the explicit kernel matrix', () => {
    const X = random.normal([90, 3])
    const K = kernelMatrix(X, { gamma: 0.3 })
    const explicit = K.matmat(eye(90))
    for (const columns of COLUMNS) {
      const [one, other] = [K, explicit].map((A) => nystrom(A, { rank: 12, columns }))
      const room = YARDSTICK * 90 * EPS * norm(explicit)
      expect(norm(minus(one!.toDense(), other!.toDense()))).toBeLessThanOrEqual(room)
      expect(one!.indices).toEqual(other!.indices)
    }
  })

  test('products through the result are those of its dense form', () => {
    const A = symmetric(SPECTRA.polynomial(30), 1)
    const result = nystrom(A, { rank: 5 })
    const X = random.normal([30, 3])
    expect(norm(minus(result.matmat(X), times(result.toDense(), X)))).toBeLessThan(1e-13)
    expect(norm(minus(result.rmatmat(X), times(transpose(result.toDense()), X)))).toBeLessThan(1e-13)
  })
})

describe('passes', () => {
  test('are what the operator counts', () => {
    const n = 100
    const A = symmetric(SPECTRA.polynomial(n), 1)
    const { matmat, columns: columnsOf, diagonal } = asOperator(A)
    for (const columns of COLUMNS) {
      let [sweeps, read] = [0, 0]
      const counted = operator({
        shape: [n, n],
        matmat: (X) => (sweeps++, matmat(X)),
        rmatmat: (X) => (sweeps++, matmat(X)),
        columns: (J) => ((read += J.length), columnsOf!(J)),
        diagonal: () => diagonal!(),
      })
      const { passes } = nystrom(counted, { rank: 8, columns })
      expect(Math.abs(passes - (sweeps + read / n))).toBeLessThan(1e-12)
      expect(sweeps).toBe(columns === 'gaussian' ? 1 : 0)
    }
  })
})
