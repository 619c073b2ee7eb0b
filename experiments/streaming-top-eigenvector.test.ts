import { expect, test } from 'vitest'
import { eigh, random } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { oja, streamingTopEigenvector } from '../src/sketch/index.js'
import { times } from '../proptests/support/measures.js'
import { record } from './support/record.js'

const [n, d] = [20000, 50]

/** Gaussian rows whose first column is √R times as large. */
function gapped(R: number, seed: number): Matrix {
  const A = random.normal([n, d], { seed })
  for (let i = 0; i < n; i++) A.set(i, 0, Math.sqrt(R) * A.get(i, 0))
  return A
}

/** One row of squared norm 4n among Gaussian ones, at a random place. */
function heavyRow(seed: number): Matrix {
  const A = random.normal([n, d], { seed })
  const at = Math.floor(random.uniform([1], { seed }).data[0]! * n)
  for (let j = 0; j < d; j++) A.set(at, j, j === 3 ? Math.sqrt(4 * n) : 0)
  return A
}

function found(A: Matrix): number[] {
  const { vectors } = eigh(times(A, A, true))
  const squared = (x: ArrayLike<number>): number => {
    let dot = 0
    for (let j = 0; j < d; j++) dot += x[j]! * vectors.get(j, d - 1)
    return dot * dot
  }
  const streams = [
    streamingTopEigenvector({ d, length: n }),
    streamingTopEigenvector({ d, length: n, heavy: 0 }),
    oja({ d }),
  ] as const
  for (const stream of streams) stream.push(A)
  const [stored, plain, rule] = streams
  return [
    squared(stored.result().vector),
    squared(plain.result().vector),
    squared(rule.result().vectors.data),
  ]
}

test('blocks of rows in random order are a power iteration; the heavy rows have to be kept', () => {
  const kinds: [string, (seed: number) => Matrix][] = [
    ['σ₁²/σ₂² = 4', (seed) => gapped(4, seed)],
    ['σ₁²/σ₂² = 16', (seed) => gapped(16, seed)],
    ['one row of squared norm 4n', heavyRow],
  ]
  const medians = kinds.map(([, make]) => {
    const runs = [1, 2, 3, 4, 5].map((seed) => found(make(seed)))
    return [0, 1, 2].map((t) => runs.map((run) => run[t]!).sort((a, b) => a - b)[2]!)
  })
  const [four, sixteen, heavy] = medians as [number[], number[], number[]]
  expect(four[0]).toBeGreaterThan(0.99)
  expect(sixteen[0]).toBeGreaterThan(0.998)
  expect(heavy[0]).toBeGreaterThan(0.998)
  expect(heavy[1]).toBeLessThan(0.9)
  record({
    name: 'streaming-top-eigenvector',
    title: 'The top eigenvector from one pass over rows in random order',
    paper: 'Kacham and Woodruff 2024, "Approximating the top eigenvector in random order streams".',
    setting: `${n} rows of ${d} numbers; (v·v₁)², the median of five matrices.`,
    columns: ['rows', 'heavy rows kept', 'none kept', 'Oja (AdaOja)'],
    rows: kinds.map(([name], i) => [name, ...medians[i]!.map((x) => x.toFixed(4))]),
    reading:
      'Without heavy rows the three agree. A single row that carries the top direction is lost on the block iteration unless it is kept, wherever in the stream it comes.',
  })
})
