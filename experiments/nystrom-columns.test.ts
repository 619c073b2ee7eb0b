import { expect, test } from 'vitest'
import { kernelMatrix, nystrom } from '../src/factorize/index.js'
import { eigh, eye, matrix, random } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { record } from './support/record.js'

// Chen, Epperly, Tropp and Webber 2022: on clusters of unequal size, which columns are read decides.

const [CLUSTER, SPREAD, RANK, SEEDS] = [900, 100, 60, 15]
const COLUMNS = ['uniform', 'leverage', 'rpcholesky', 'gaussian'] as const

/** 900 points in a tight cluster (standard deviation 0.05), 100 far apart (3), in the plane. */
function points(seed: number): Matrix {
  const X = random.normal([CLUSTER + SPREAD, 2], { seed })
  return matrix(
    X.data.map((x, e) => x * (e < 2 * CLUSTER ? 0.05 : 3)),
    [CLUSTER + SPREAD, 2],
  )
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!

test('randomly pivoted Cholesky beats uniform columns where points cluster', () => {
  // A Gaussian of width 1/2: e^{−|x − y|²/(2·0.25)}.
  const errors = Object.fromEntries(COLUMNS.map((columns) => [columns, [] as number[]]))
  const optima: number[] = []
  for (let seed = 0; seed < SEEDS; seed++) {
    const K = kernelMatrix(points(seed), { gamma: 2 })
    for (const columns of COLUMNS) {
      errors[columns]!.push(nystrom(K, { rank: RANK, oversample: 0, columns, seed }).errorEstimate)
    }
    if (seed < 3) {
      const { values } = eigh(K.matmat(eye(K.shape[0])), { vectors: 'none' })
      const sum = (x: Float64Array): number => x.reduce((s, v) => s + v, 0)
      optima.push(sum(values.subarray(0, values.length - RANK)) / sum(values))
    }
  }
  const [uniform, leverage, rpcholesky, gaussian] = COLUMNS.map((columns) => median(errors[columns]!)) as [
    number,
    number,
    number,
    number,
  ]
  const optimum = median(optima)
  record({
    name: 'nystrom-columns',
    title: 'Which columns a Nyström approximation reads',
    paper:
      'Chen, Epperly, Tropp, Webber 2022, “Randomly pivoted Cholesky: practical approximation of a kernel matrix with few entry evaluations”; Musco, Musco 2017, “Recursive sampling for the Nyström method”.',
    setting: `${CLUSTER} points in a cluster (standard deviation 0.05) and ${SPREAD} far apart (3) in the plane, Gaussian kernel of width 1/2, ${RANK} columns, no oversampling. Relative error of the trace, median of ${SEEDS} seeds.`,
    columns: ['columns', 'entries read', 'error', 'times the optimum'],
    rows: [
      ['uniform', `${RANK}·n`, uniform, uniform / optimum],
      ['leverage', `about ${5 * RANK}·n`, leverage, leverage / optimum],
      ['rpcholesky', `about ${1.5 * RANK}·n`, rpcholesky, rpcholesky / optimum],
      ['gaussian', 'n²', gaussian, gaussian / optimum],
      ['best of rank 60', '', optimum, 1],
    ],
    reading:
      'Uniform columns nearly all come from the cluster, which a handful of them describes, and leave the far points out. Randomly pivoted Cholesky, which prefers what is not described yet, comes within about twice the optimum from few columns, as the paper claims; a whole product with a Gaussian block is hardly better than that.',
  })
  expect(rpcholesky).toBeLessThan(uniform / 2)
  expect(leverage).toBeLessThan(uniform / 1.5)
  expect(rpcholesky).toBeLessThan(4 * optimum)
  expect(optimum).toBeLessThan(rpcholesky)
})
