import * as Plot from '@observablehq/plot'
import { JSDOM } from 'jsdom'
import { expect, test } from 'vitest'
import { norm, observed, qr, random } from '../src/linalg/index.js'
import type { Matrix, ObservedOperand } from '../src/linalg/index.js'
import { minus } from '../proptests/support/measures.js'
import { record } from './support/record.js'

// The row problems of one half sweep, counted in flops, so that a busy machine does not matter. bench/completion.ts
// has the seconds of whole completions.

const [m, n, part] = [16, 5000, 0.5]
const RANKS = [8, 16, 32, 64]
const reduction = 1e-3

/** About 2,500 entries in each row, of this size: at random, or from the columns [0, n/2). */
function entries(clustered: boolean, size = 1): ObservedOperand {
  const u = random.uniform([m, n], { seed: 1 }).data
  const seen = (e: number): boolean => (clustered ? e % n < n / 2 : u[e]! < part)
  const places = Array.from({ length: m * n }, (_, e) => e).filter(seen)
  const values = random.normal([m, n], { seed: 2 }).data
  return observed({
    shape: [m, n],
    rows: places.map((e) => Math.floor(e / n)),
    cols: places.map((e) => e % n),
    values: places.map((e) => size * values[e]!),
  })
}

/** An orthonormal factor; where `uneven`, its first half is nearly of rank one, so that all of it says little of that. */
function factor(k: number, uneven: boolean): Matrix {
  const F = random.normal([n, k], { seed: 3 })
  if (uneven) for (let j = 0; j < n / 2; j++) for (let t = 1; t < k; t++) F.set(j, t, 0.03 * F.get(j, t))
  return qr(F).Q
}

/** Flops per entry of both ways, and the error that is left of the inexact one's start. */
function counted(k: number, hard: boolean): { exact: number; inexact: number; left: number } {
  const M = entries(hard)
  const F = factor(k, hard)
  const exact = M.solve('rows', F, { ridge: 0 })
  // From as far as a sweep in the midst of a completion starts.
  const start = random.normal([m, k], { seed: 4 })
  const scale = (0.1 * norm(exact.X)) / norm(start)
  for (let e = 0; e < start.data.length; e++) start.data[e] = exact.X.data[e]! + scale * start.data[e]!
  const how = { start, reduction, iterations: 40, sketch: 4, seed: 0 }
  const inexact = M.solve('rows', F, { ridge: 0, inexact: how })
  const nothing = entries(hard, 0)
  // What X differs by from the exact solution, at the entries.
  const fit = (X: Matrix): number => nothing.residual(minus(X, exact.X), F).frobeniusNorm()
  const left = fit(inexact.X) / fit(start)
  return { exact: exact.flops / M.count, inexact: inexact.flops / M.count, left }
}

/** The slope of log y over log k, by least squares. */
function exponent(y: readonly number[]): number {
  const [x, z] = [RANKS.map(Math.log), y.map(Math.log)]
  const mean = (v: number[]): number => v.reduce((sum, a) => sum + a, 0) / v.length
  const [mx, mz] = [mean(x), mean(z)]
  return x.reduce((s, a, i) => s + (a - mx) * (z[i]! - mz), 0) / x.reduce((s, a) => s + (a - mx) ** 2, 0)
}

test('sketched row problems cost |Ω|k where exact ones cost |Ω|k²', () => {
  const even = RANKS.map((k) => counted(k, false))
  const hard = RANKS.map((k) => counted(k, true))
  const exponents = [even.map((c) => c.exact), even.map((c) => c.inexact), hard.map((c) => c.inexact)].map(
    exponent,
  )
  const [exact, inexact, sketched] = exponents as [number, number, number]
  expect(exact).toBeGreaterThan(1.75)
  expect(inexact).toBeLessThan(1.2)
  expect(sketched).toBeLessThan(1.2)
  for (const { left } of [...even, ...hard]) expect(left).toBeLessThan(3 * reduction)
  record({
    name: 'completion-cost',
    title: 'What the row problems of a completion cost',
    paper:
      'Gu, Song, Yin and Zhang 2023, "Low rank matrix completion via robust alternating minimization in nearly linear time".',
    setting: `One half sweep over ${m} rows of about ${n * part} entries each, orthonormal factor of width k. Flops for each entry, of Cholesky and of iterations that make the error ${1 / reduction} times smaller. Uneven: the entries of a row lie where the factor is nearly of rank one, so that its iterations need a sketch of their own problem.`,
    columns: ['k', 'exact', 'iterations', 'error left', 'iterations, uneven', 'error left, uneven'],
    rows: [
      ...RANKS.map((k, i) => [
        k,
        Math.round(even[i]!.exact),
        Math.round(even[i]!.inexact),
        even[i]!.left,
        Math.round(hard[i]!.inexact),
        hard[i]!.left,
      ]),
      ['exponent', exact.toFixed(2), inexact.toFixed(2), '', sketched.toFixed(2), ''],
    ],
    reading:
      'The exponents are those of the paper: about two for normal equations, one for iterations. These win from k of about 20 on, and from about 40 on where they need a sketch.',
    figures: {
      'completion-cost': {
        svg: drawing({
          exact: even.map((c) => c.exact),
          iterations: even.map((c) => c.inexact),
          'iterations, uneven': hard.map((c) => c.inexact),
        }),
        alt: 'Flops for each entry over k, logarithmic: a line of slope two and two of slope one',
      },
    },
  })
})

function drawing(lines: Readonly<Record<string, readonly number[]>>): string {
  const points = Object.entries(lines).flatMap(([method, y]) =>
    y.map((flops, i) => ({ k: RANKS[i]!, flops, method, last: i === y.length - 1 })),
  )
  const svg = Plot.plot({
    document: new JSDOM('').window.document,
    width: 560,
    height: 360,
    marginRight: 130,
    x: { type: 'log', ticks: RANKS, tickFormat: String, label: 'k' },
    y: { type: 'log', grid: true, tickFormat: '~s', label: 'flops for each entry' },
    marks: [
      Plot.line(points, { x: 'k', y: 'flops', stroke: 'method', marker: true }),
      Plot.text(
        points.filter(({ last }) => last),
        { x: 'k', y: 'flops', text: 'method', textAnchor: 'start', dx: 8 },
      ),
    ],
  })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  return `${svg.outerHTML}\n`
}
