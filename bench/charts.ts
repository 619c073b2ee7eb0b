import * as Plot from '@observablehq/plot'
import { JSDOM } from 'jsdom'
import { FIRST, MUTED, SECOND, pictureOf } from '../scripts/docs/picture.js'
import { besideLibraries, comparisonsOf, isNative, tablesOf } from './tables.js'
import type { Comparison, Table } from './tables.js'

// Charts of bench/results.md, narrow enough to be read on a phone as they are.

export interface Chart {
  /** The file, without its ending. */
  readonly name: string
  readonly svg: string
}

const [WIDTH, MARGIN, LINE] = [440, 206, 19]

/** All charts of a report. */
export function chartsOf(results: string): Chart[] {
  const tables = tablesOf(results)
  const comparisons = comparisonsOf(tables)
  return [
    {
      name: 'speed-libraries',
      svg: ratios(
        besideLibraries(comparisons),
        'Times of other libraries over ours, logarithmic: JavaScript takes longer, NumPy mostly less',
      ),
    },
    {
      name: 'speed-methods',
      svg: ratios(
        withinLibrary(comparisons),
        'Times of exact or dense ways over those of randomized or structured ones, logarithmic',
      ),
    },
    { name: 'speed-kernels', svg: kernels(tables.find(({ title }) => title === 'The kernels')!) },
  ]
}

/** What a randomized or structured method spares: the way that does without it. */
const WITHOUT: readonly (readonly [title: RegExp, peer: string])[] = [
  [/^SVD of rank/, 'lowrank svd, full'],
  [/^Block Nyström/, 'lowrank svd'],
  [/^Tucker/, 'lowrank tucker, ST-HOSVD'],
  [/^The nuclear norm/, 'lowrank norm, nuclear'],
  [/^Least squares/, 'lowrank qr, then solveTriangular'],
  [/^srht/, 'a ready Gaussian matrix, gemm'],
  [/^countSketch/, 'a ready Gaussian matrix, gemm'],
  [/^sparseSign/, 'a ready Gaussian matrix, gemm'],
  [/^A butterfly/, 'lowrank matmul, dense'],
  [/^Sparse/, 'the plain loop'],
  [/^The start of PiSSA/, 'PiSSA by the whole SVD'],
  [/^A step that chooses/, 'lowrank galore, exact SVD'],
]

function withinLibrary(comparisons: readonly Comparison[]): Comparison[] {
  return WITHOUT.map(([title, name]) => {
    const comparison = comparisons.find((one) => title.test(one.title))
    const peer = comparison?.peers.find((one) => one.name === name)
    if (!comparison || !peer) throw new Error(`bench/results.md has no '${name}' in a case like ${title}`)
    return { ...comparison, peers: [peer] }
  })
}

/** Each case as a title and a bar for each of the others, from 1, which is our time. */
function ratios(comparisons: readonly Comparison[], label: string): string {
  const bars = comparisons.flatMap(({ title, peers }) =>
    peers.map(({ name, ratio }) => ({ title: title.replace(', float64', ''), name, ratio })),
  )
  const all = bars.map(({ ratio }) => Number(ratio))
  const domain = [Math.min(...all, 0.7) / 1.2, Math.max(...all) * 1.2] as const
  const lines: Line[] = []
  bars.forEach(({ title, name, ratio }, i) => {
    if (title !== bars[i - 1]?.title) lines.push({ title })
    lines.push({ name, value: Number(ratio), text: `${ratio} ×`, colour: isNative(name) ? SECOND : FIRST })
  })
  const ticks = [0.1, 1, 10, 100, 1000].filter((t) => t > domain[0] && t < domain[1])
  const tickFormat = (t: number): string => `${t} ×`
  return drawing(
    lines,
    label,
    { type: 'log', domain, ticks, tickFormat, label: 'time over ours, logarithmic' },
    1,
  )
}

/** The rate of each kernel that computes, beside that of the product of matrices. */
function kernels({ columns, rows }: Table): string {
  const rate = columns.indexOf('GFLOP/s')
  const lines = rows
    .filter((row) => row[rate] !== '')
    .map((row) => ({
      name: row[0]!,
      value: Number(row[rate]),
      text: row[rate]!,
      colour: row[0] === 'gemm' ? SECOND : FIRST,
    }))
  const gemm = lines[0]!.value
  const domain = [0, Math.max(...lines.map(({ value }) => value))] as const
  const label = 'GFLOP/s of each kernel, with a line at the rate of gemm, the product of matrices'
  return drawing(
    lines,
    label,
    { domain, ticks: [0, 10, 20, 30, 40, 50].filter((t) => t <= domain[1]), label: 'GFLOP/s' },
    0,
    gemm,
  )
}

/** A title over some bars, or a bar with its name before and its value behind it. */
interface Line {
  readonly title?: string
  readonly name?: string
  readonly value?: number
  readonly text?: string
  readonly colour?: string
}

function drawing(
  lines: readonly Line[],
  label: string,
  x: Plot.ScaleOptions,
  start: number,
  rule = start,
): string {
  const data = lines.map((line, row) => ({ ...line, row }))
  const bars = data.filter(({ value }) => value !== undefined)
  const plot = Plot.plot({
    document: new JSDOM('').window.document,
    width: WIDTH,
    height: LINE * lines.length + 50,
    marginLeft: MARGIN,
    marginRight: 52,
    marginTop: 44,
    marginBottom: 6,
    style: { fontSize: '12px' },
    x: { axis: 'top', labelAnchor: 'center', labelOffset: 38, labelArrow: 'none', ...x },
    y: { axis: null, domain: data.map(({ row }) => row), padding: 0, round: false },
    marks: [
      Plot.gridX({ ticks: x.ticks as number[], stroke: MUTED, strokeOpacity: 0.3 }),
      Plot.barX(bars, { y: 'row', x1: start, x2: 'value', fill: 'colour', insetTop: 3, insetBottom: 3 }),
      Plot.ruleX([rule], { stroke: 'currentColor' }),
      Plot.text(bars, {
        y: 'row',
        x: ({ value }: Line) => Math.max(value!, start),
        text: 'text',
        textAnchor: 'start',
        dx: 5,
        // Where a number lies on the line it is the number that is read.
        stroke: 'var(--ground)',
        fill: 'currentColor',
        strokeWidth: 4,
      }),
      Plot.text(bars, { y: 'row', frameAnchor: 'left', dx: -8, text: 'name', textAnchor: 'end' }),
      Plot.text(
        data.filter(({ title }) => title !== undefined),
        {
          y: 'row',
          frameAnchor: 'left',
          dx: 6 - MARGIN,
          text: 'title',
          textAnchor: 'start',
          fontWeight: 700,
          stroke: 'var(--ground)',
          strokeWidth: 5,
          fill: 'currentColor',
        },
      ),
    ],
  })
  return pictureOf(plot, label)
}
