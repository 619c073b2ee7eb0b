import type { DigitsReport } from './digits.js'
import type { PhotoReport } from './photo.js'

// What the terminal shows.

const percent = (x: number, digits = 3): string => `${(100 * x).toFixed(digits)} %`
const seconds = (x: number): string => `${x.toFixed(2)} s`

export function digitsTable({ model, exact, error, optimum, ...rest }: DigitsReport): string {
  const shown = [1, 2, 3, 4, 5, 10, 20, 40, rest.rank].filter(
    (k, i, all) => k <= rest.rank && all.indexOf(k) === i,
  )
  const rows = shown.map((k) => {
    const { error, optimum } = rest.curve[k - 1]!
    return [
      k,
      model.singularValues[k - 1]!.toFixed(4),
      exact[k - 1]!.toFixed(4),
      percent(error),
      percent(optimum),
    ]
  })
  return [
    table(['rank', 'singular value', 'exact', 'relative error', 'optimum'], rows),
    `  rank ${rest.rank}: error ${percent(error)} measured, ${percent(model.errorEstimate)} estimated, ${percent(optimum)} optimal`,
    `  ${seconds(rest.seconds)} on the CPU, ${model.passes} passes over the data; the exact spectrum took ${seconds(rest.exactSeconds)}`,
  ].join('\n')
}

export function photoTable({ compressed, adaptive }: PhotoReport): string {
  const rows = compressed.map(({ rank, error, estimate, optimum, storage, seconds: time }) => [
    rank,
    percent(error),
    percent(estimate),
    percent(optimum),
    percent(storage, 1),
    seconds(time),
  ])
  return [
    table(['rank', 'relative error', 'estimated', 'optimum', 'storage', 'time'], rows),
    `  rtol ${adaptive.rtol}: ranks ${adaptive.ranks.join(', ')} for red, green, blue; error ${percent(adaptive.error)}`,
  ].join('\n')
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(String))
  const widths = head.map((_, j) => Math.max(...cells.map((row) => row[j]!.length)))
  return cells.map((row) => `  ${row.map((cell, j) => cell.padStart(widths[j]!)).join('   ')}`).join('\n')
}
