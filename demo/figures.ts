import * as Plot from '@observablehq/plot'
import { JSDOM } from 'jsdom'
import type { DigitsReport } from './digits.js'
import type { PhotoReport } from './photo.js'

// The plots as SVG text. Colours are CSS variables of the page, so that they follow its light and dark scheme.

const { document } = new JSDOM('').window

const [FIRST, SECOND, MUTED] = ['var(--first)', 'var(--second)', 'var(--muted)']

/** Drawn twice, for wide and for narrow screens: scaled text would be too small to read. */
function chart(label: string, draw: (width: number) => Plot.PlotOptions): string {
  const svg = (width: number): string => {
    const plot = Plot.plot({
      document,
      width,
      marginLeft: 62,
      marginBottom: 46,
      marginTop: 28,
      style: { fontSize: '13px', overflow: 'visible' },
      ariaLabel: label,
      ...draw(width),
    })
    plot.setAttribute('role', 'img')
    return plot.outerHTML
  }
  return `<div class="wide">${svg(720)}</div><div class="narrow">${svg(360)}</div>`
}

const heightFor = (width: number): number => (width > 500 ? 400 : 320)
const percent = (x: number): string => `${+(100 * x).toFixed(2)} %`

/** Singular values on a logarithmic scale, the kept ones as dots. */
export function screePlot({ model, exact, rank }: DigitsReport): string {
  const shown = Array.from(exact.subarray(0, Math.min(3 * rank, exact.length)), (s, j) => ({ k: j + 1, s }))
  const kept = Array.from(model.singularValues, (s, j) => ({ k: j + 1, s }))
  const low = shown.at(-1)!.s / 1.3
  return chart(
    `Singular values of the digits: the ${rank} computed ones lie on the exact curve, which goes on falling`,
    (width) => ({
      height: heightFor(width),
      x: { label: 'number of the singular value →', grid: false },
      y: { label: '↑ singular value', type: 'log', grid: true, ticks: 5, tickFormat: '~r' },
      marks: [
        Plot.areaY(shown.slice(rank - 1), { x: 'k', y1: low, y2: 's', fill: MUTED, fillOpacity: 0.18 }),
        Plot.lineY(shown, { x: 'k', y: 's', stroke: MUTED, strokeWidth: 1.5 }),
        Plot.dot(kept, { x: 'k', y: 's', fill: FIRST, r: 3 }),
        Plot.text([kept[Math.floor(rank / 5)]!], {
          x: 'k',
          y: 's',
          text: () => 'computed by pca',
          fill: FIRST,
          dx: 12,
          dy: -10,
          textAnchor: 'start',
        }),
        Plot.text([shown[Math.floor(shown.length * 0.62)]!], {
          x: 'k',
          y: 's',
          text: () => 'exact, left out',
          fill: MUTED,
          dy: -12,
          textAnchor: 'start',
        }),
      ],
    }),
  )
}

/** Each point is drawn as the digit that it is, so colour is not needed to read it. */
export function scatterPlot({ points }: DigitsReport): string {
  return chart(
    'Scatter of the first two scores; zeros lie on the right, ones on the left, other digits overlap between',
    (width) => ({
      height: width > 500 ? 540 : 380,
      color: { type: 'ordinal', domain: digitNames, range: digitNames.map((d) => `var(--digit-${d})`) },
      x: { label: 'score on component 1 →', ticks: width > 500 ? 8 : 4, grid: true },
      y: { label: '↑ score on component 2', ticks: 6, grid: true },
      marks: [
        Plot.text(width > 500 ? points : points.slice(0, 400), {
          x: 'x',
          y: 'y',
          text: (point: { digit: number }) => String(point.digit),
          fill: (point: { digit: number }) => String(point.digit),
          fontSize: 12,
          fontWeight: 600,
        }),
      ],
    }),
  )
}

const digitNames = Array.from({ length: 10 }, (_, digit) => String(digit))

/** Error against rank: with power iterations, without, and the best possible. */
export function digitsErrorPlot({ curve }: DigitsReport): string {
  const end = curve.at(-1)!
  return chart(
    `Relative error against rank: the default runs along the optimum down to ${percent(end.optimum)}, without power iterations it stays above`,
    (width) => ({
      height: heightFor(width),
      marginRight: 24,
      x: { label: 'rank →' },
      y: { label: '↑ relative error', tickFormat: percent, grid: true, domain: [0, 1], ticks: 5 },
      marks: [
        Plot.ruleY([0], { stroke: 'currentColor', strokeOpacity: 0.4 }),
        Plot.lineY(curve, { x: 'rank', y: 'plain', stroke: SECOND, strokeWidth: 2, strokeDasharray: '6 4' }),
        Plot.lineY(curve, { x: 'rank', y: 'optimum', stroke: MUTED, strokeWidth: 2 }),
        Plot.dot(
          curve.filter((_, j) => width > 500 || j % 2 === 0),
          { x: 'rank', y: 'error', fill: FIRST, r: 2.6 },
        ),
        Plot.text([curve[Math.floor(curve.length * 0.4)]!], {
          x: 'rank',
          y: 'plain',
          text: () => 'no power iteration',
          fill: SECOND,
          dx: 6,
          dy: -16,
          textAnchor: 'start',
        }),
        Plot.text([{ rank: curve.length * 0.2, level: 0.7 * end.optimum }], {
          x: 'rank',
          y: 'level',
          text: () => 'two power iterations (dots)\non the optimum (line)',
          fill: FIRST,
          textAnchor: 'start',
          lineHeight: 1.3,
        }),
      ],
    }),
  )
}

/** The photograph's true and estimated errors on the curve of the best possible. */
export function photoErrorPlot({ optimum, compressed }: PhotoReport): string {
  const line = optimum.map((error, j) => ({ rank: j + 1, error }))
  const [low, high] = [line.at(-1)!.error / 1.2, line[0]!.error * 1.1]
  const ticks = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5].filter((t) => t > low && t < high)
  return chart(
    'Relative error of the photograph against rank; true errors lie on the optimum, estimates close to them',
    (width) => ({
      height: heightFor(width),
      x: { label: 'rank →' },
      y: {
        label: '↑ relative error',
        type: 'log',
        tickFormat: percent,
        grid: true,
        domain: [low, high],
        ticks,
      },
      marks: [
        Plot.lineY(line, { x: 'rank', y: 'error', stroke: MUTED, strokeWidth: 2 }),
        Plot.dot(compressed, { x: 'rank', y: 'error', fill: FIRST, r: 4.5 }),
        Plot.dot(compressed, { x: 'rank', y: 'estimate', stroke: SECOND, strokeWidth: 2, r: 8 }),
        Plot.text([line[Math.floor(line.length * 0.5)]!], {
          x: 'rank',
          y: 'error',
          text: () => 'optimum',
          fill: MUTED,
          dx: 4,
          dy: -12,
          textAnchor: 'start',
        }),
        Plot.text(compressed.slice(1, 2), {
          x: 'rank',
          y: 'error',
          text: () => 'true error (dot),\nestimate (ring)',
          fill: 'currentColor',
          dx: 16,
          dy: -16,
          textAnchor: 'start',
          lineAnchor: 'bottom',
          lineHeight: 1.3,
        }),
      ],
    }),
  )
}

/** How far above the optimum each way ends. Shapes as well as colours tell the ways apart. */
export function methodsPlot({ methods }: PhotoReport): string {
  const names = [...new Set(methods.map(({ method }) => method))]
  const ranks = [...new Set(methods.map(({ rank }) => rank))]
  const plots = chart(
    'Error over the optimum against rank: each power iteration comes closer to one',
    (width) => ({
      height: heightFor(width),
      color: { type: 'ordinal', domain: names, range: WAYS.map(({ colour }) => colour) },
      symbol: { domain: names, range: WAYS.map(({ symbol }) => symbol) },
      x: { label: 'rank →', type: 'log', ticks: ranks, tickFormat: 'd' },
      y: { label: '↑ error ÷ optimum', grid: true, ticks: 6 },
      marks: [
        Plot.ruleY([1], { stroke: 'currentColor', strokeOpacity: 0.5 }),
        Plot.lineY(methods, { x: 'rank', y: 'ratio', stroke: 'method', strokeWidth: 2 }),
        Plot.dot(methods, { x: 'rank', y: 'ratio', fill: 'method', symbol: 'method', r: 4.5 }),
      ],
    }),
  )
  const key = names.map((name, j) => {
    const { colour, path } = WAYS[j]!
    return `<li><svg width="12" height="12" viewBox="-6 -6 12 12" aria-hidden="true"><path d="${path}" fill="${colour}"/></svg>${name}</li>`
  })
  return `<ul class="key">${key.join('')}</ul>${plots}`
}

const WAYS = [
  { colour: MUTED, symbol: 'square', path: 'M-4-4H4V4H-4Z' },
  { colour: SECOND, symbol: 'triangle', path: 'M0-5L5 4H-5Z' },
  { colour: 'var(--third)', symbol: 'diamond', path: 'M0-6L4 0L0 6L-4 0Z' },
  { colour: FIRST, symbol: 'circle', path: 'M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0Z' },
] as const
