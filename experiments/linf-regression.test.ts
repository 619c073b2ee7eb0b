import { expect, test } from 'vitest'
import { random, zeros } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { countSketch, sketchedLstsq, sparseSign, srht } from '../src/sketch/index.js'
import { record } from './support/record.js'

const [M, D, TRIALS] = [4096, 16, 500]
const KINDS = ['a spike', 'spread'] as const

const SKETCHES = {
  SRHT: srht,
  'sparse sign, 8 a column': sparseSign,
  CountSketch: countSketch,
} as const

/** Of all trials, for each column of B: the mean and the worst ‖x‖∞, and how often it is 0.5 or more. */
function errors(name: keyof typeof SKETCHES, rows: number, B: Matrix) {
  const A = zeros([M, D]) as Matrix
  for (let j = 0; j < D; j++) A.set(j, j, 1)
  const found = KINDS.map((kind) => ({ name, rows, kind, mean: 0, worst: 0, failures: 0 }))
  for (let seed = 0; seed < TRIALS; seed++) {
    const { x } = sketchedLstsq(A, B, { method: 'solve', sketch: SKETCHES[name]([rows, M], { seed }) })
    found.forEach((row, j) => {
      let largest = 0
      for (let i = 0; i < D; i++) largest = Math.max(largest, Math.abs(x.get(i, j)))
      row.mean += largest / TRIALS
      row.worst = Math.max(row.worst, largest)
      // Two columns in one row share a spike: a half each.
      if (largest >= 0.5 - 1e-9) row.failures += 1 / TRIALS
    })
  }
  return found
}

test('a dense sketch keeps every coordinate, a CountSketch loses one with probability d/m', () => {
  const B = zeros([M, 2]) as Matrix
  B.set(D, 0, 1)
  // As long as the spike, spread over the rows where A is zero.
  const spread = random.normal([M]).data.fill(0, 0, D)
  const length = Math.hypot(...spread)
  spread.forEach((value, i) => {
    B.set(i, 1, value / length)
  })

  const table = (['SRHT', 'sparse sign, 8 a column', 'CountSketch'] as const).flatMap((name) =>
    [256, 1024].flatMap((rows) => errors(name, rows, B)),
  )
  const of = (name: string, rows: number, kind: string) =>
    table.find((row) => row.name === name && row.rows === rows && row.kind === kind)!

  for (const rows of [256, 1024]) {
    expect(of('SRHT', rows, 'a spike').failures).toBe(0)
    expect(of('SRHT', rows, 'spread').failures).toBe(0)
    const { failures, worst } = of('CountSketch', rows, 'a spike')
    expect(worst).toBeCloseTo(1, 6)
    expect(failures).toBeGreaterThan(D / rows / 2)
    expect(failures).toBeLessThan((2 * D) / rows)
  }
  // The error of each coordinate is that of a mean of m numbers: four times the rows, half the error.
  const [few, many] = [of('SRHT', 256, 'a spike').mean, of('SRHT', 1024, 'a spike').mean]
  expect(few / many).toBeGreaterThan(1.7)
  expect(few / many).toBeLessThan(2.5)

  record({
    name: 'linf-regression',
    title: 'Sketch and solve, coordinate by coordinate',
    paper:
      'Song, Ye, Yin, Zhang 2023, "A nearly-optimal bound for fast regression with ℓ∞ guarantee" (sketches that mix densely).',
    setting:
      `A = [I; 0] with ${M} rows and d = ${D} columns, ‖b‖ = 1 and b orthogonal to A, so that x* = 0 and ‖x‖∞ is the error ` +
      `of x; b is one unit vector (“a spike”) or normal numbers (“spread”). ${TRIALS} seeds for each line.`,
    columns: ['sketch', 'rows m', 'residual', 'mean of ‖x‖∞', 'worst', 'part with ‖x‖∞ ≥ 0.5', 'd/m'],
    rows: table.map(({ name, rows, kind, mean, worst, failures }) => [
      name,
      rows,
      kind,
      mean,
      worst,
      failures,
      D / rows,
    ]),
    reading:
      'In the mean a CountSketch looks the best where the residual is one spike: most often the spike falls beside all ' +
      'columns, and x is exact. With probability d/m it falls on one, and that coordinate is wrong by the whole residual, ' +
      'however many rows there are otherwise. The SRHT shares the residual out: every coordinate is wrong by about ‖r‖/√m, ' +
      'and none by much more, which is the ℓ∞ guarantee. Eight entries a column make the loss eight times smaller and ' +
      'eight times as frequent. Where the residual is spread, all sketches do alike, columns that a CountSketch sends to ' +
      "the same row apart. `sketchedLstsq` takes an SRHT with `guarantee: 'linf'` for this reason.",
  })
})
