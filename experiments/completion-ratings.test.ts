import { readFileSync } from 'node:fs'
import { env } from 'node:process'
import { expect, test } from 'vitest'
import { completeMatrix } from '../src/factorize/index.js'
import type { CompleteMatrixOptions } from '../src/factorize/index.js'
import { random } from '../src/linalg/index.js'
import type { Triplets } from '../src/linalg/index.js'
import { record } from './support/record.js'

// Ratings of lectures at ETH Zürich, from R's package lme4 (Debian: r-cran-lme4), whose licence keeps them out of here.
// LOWRANK_INSTEVAL names a text file of them: student, lecturer and rating of each line, counted from 1, as in R
// `write(t(sapply(lme4::InstEval[c('s', 'd', 'y')], as.integer)), 'insteval.txt', ncolumns = 3)`.

const path = env['LOWRANK_INSTEVAL']

interface Split {
  readonly used: Triplets
  readonly validation: Triplets
  readonly test: Triplets
}

/** Eight tenths to learn from, one to choose options by, one to tell the error by. */
function split(lines: readonly (readonly number[])[]): Split {
  const u = random.uniform([lines.length], { seed: 1 }).data
  const shape = [1, 2].map((t) => lines.reduce((most, line) => Math.max(most, line[t - 1]!), 0)) as [
    number,
    number,
  ]
  const part = (from: number, to: number): Triplets => {
    const these = lines.filter((_, e) => u[e]! >= from && u[e]! < to)
    const column = (t: number, less: number): number[] => these.map((line) => line[t]! - less)
    return { shape, rows: column(0, 1), cols: column(1, 1), values: column(2, 0) }
  }
  return { used: part(0, 0.8), validation: part(0.8, 0.9), test: part(0.9, 1) }
}

const rmse = ({ values }: Triplets, guess: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values, (x, e) => (x - guess[e]!) ** 2).reduce((sum, x) => sum + x, 0) / values.length)

test.skipIf(path === undefined)(
  'ratings: what a low rank adds to biases',
  () => {
    const lines = readFileSync(path!, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
    const { used, validation, test } = split(lines)
    const mean = Array.from(used.values).reduce((sum, x) => sum + x, 0) / used.values.length
    const less = (M: Triplets): Triplets => ({ ...M, values: Array.from(M.values, (x) => x - mean) })

    /** The best of some options by the validation set, and its error on the test set. */
    const chosen = (all: readonly CompleteMatrixOptions[]): [number, number, string] => {
      const found = all.map((options) => {
        const C = completeMatrix(less(used), { ...options, validation: less(validation) })
        const heldOut = Math.min(...C.tried.map((one) => one.heldOut!))
        const what = [`rank ${C.rank}`, options.ridge && `ridge ${options.ridge}`].filter(Boolean).join(', ')
        return { heldOut, C, what: options.biasRidge ? `${what}, bias ridge ${options.biasRidge}` : what }
      })
      const { heldOut, C, what } = found.reduce((best, one) => (one.heldOut < best.heldOut ? one : best))
      return [heldOut, rmse(less(test), C.predictAt(test)), what]
    }
    const ridges = [5, 10, 15, 20, 30]
    const biases = { bias: 'rowsAndCols', biasRidge: 12 } as const
    const rank = [1, 2, 4, 8, 16]
    const rows: [string, number, number, string][] = [
      [
        'mean',
        rmse(validation, Array(validation.values.length).fill(mean)),
        rmse(test, Array(test.values.length).fill(mean)),
        '',
      ],
      ['als without biases', ...chosen(ridges.map((ridge) => ({ rank, ridge })))],
      ['biases alone', ...chosen([2, 5, 8, 12, 16].map((biasRidge) => ({ ...biases, rank: 0, biasRidge })))],
      ['biases and als', ...chosen(ridges.map((ridge) => ({ ...biases, rank, ridge })))],
      [
        'biases and sketched',
        ...chosen(ridges.map((ridge) => ({ ...biases, rank, ridge, method: 'sketched' }))),
      ],
      [
        'biases and soft-impute',
        ...chosen([15, 20, 30].map((ridge) => ({ ...biases, rank: 40, ridge, method: 'softImpute' }))),
      ],
    ]
    const [average, plain, alone, ...both] = rows.map((row) => row[2]) as [
      number,
      number,
      number,
      ...number[],
    ]
    expect(plain).toBeLessThan(average)
    expect(alone).toBeLessThan(plain)
    // Some hundredths of a per cent either way are noise of 7,300 test ratings.
    for (const error of both) expect(error).toBeLessThan(1.002 * alone)
    record({
      name: 'completion-ratings',
      title: 'Ratings of lectures',
      paper:
        'InstEval, "University lecture evaluations by students at ETH", in R\'s lme4 (Bates, Mächler, Bolker and Walker 2015, "Fitting linear mixed-effects models using lme4").',
      setting: `${lines.length} ratings from 1 to 5 by ${used.shape[0]} students of ${used.shape[1]} lecturers, ${((100 * lines.length) / used.shape[0] / used.shape[1]).toFixed(1)} % of all; eight tenths to learn from, one to choose options by, one for the error. Root mean square errors. The data come from Debian's r-cran-lme4, not from here: the test says how.`,
      columns: ['method', 'validation', 'test', 'chosen'],
      rows: rows.map(([method, v, t, what]) => [method, v.toFixed(4), t.toFixed(4), what]),
      reading:
        'Biases of students and lecturers carry nearly all that these ratings can tell; factors take two or three thousandths more off the error, whichever method finds them.',
    })
  },
  300_000,
)
