import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// `npm run experiments` runs a paper's headline at small scale, holds it, and writes what came out to
// docs/experiments/. Seeds are fixed and figures rounded, so that a page changes only when a result does.

const folder = fileURLToPath(new URL('../../docs/experiments', import.meta.url))

type Cell = string | number

export interface Experiment {
  /** The file's name, without its ending. */
  readonly name: string
  readonly title: string
  /** Authors, year, title. */
  readonly paper: string
  /** What was done: sizes, seeds, what is measured. */
  readonly setting: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  /** What the table says, and how it stands beside what the paper claims. */
  readonly reading: string
  /** Finished drawings, as SVG: file name within docs/experiments without its ending → source. */
  readonly figures?: Readonly<Record<string, { readonly svg: string; readonly alt: string }>>
}

/** Writes docs/experiments/<name>.md. Numbers are printed with two significant digits. */
export function record(experiment: Experiment): void {
  const { name, title, paper, setting, columns, rows, reading, figures = {} } = experiment
  mkdirSync(folder, { recursive: true })
  const line = (cells: readonly Cell[]): string => `| ${cells.map(shown).join(' | ')} |`
  const pictures = Object.entries(figures).map(([figure, { svg, alt }]) => {
    writeFileSync(join(folder, `${figure}.svg`), svg)
    return `![${alt}](${figure}.svg)\n`
  })
  const page = [
    `# ${title}`,
    `Source: ${paper}`,
    setting,
    [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n'),
    ...pictures,
    reading,
    `Made by \`npm run experiments -- ${name}\`.`,
  ]
  writeFileSync(join(folder, `${name}.md`), `${page.join('\n\n')}\n`)
}

function shown(cell: Cell): string {
  if (typeof cell === 'string' || Number.isInteger(cell)) return String(cell)
  return String(Number(cell.toPrecision(2)))
}
