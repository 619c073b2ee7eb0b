// The tables of bench/results.md, read back: what charts, README and the guide show is what stands there.

export interface Table {
  /** The heading above it. */
  readonly title: string
  readonly columns: readonly string[]
  /** Cells as they are written, without their padding. */
  readonly rows: readonly (readonly string[])[]
}

/** The first table under each heading that has one. */
export function tablesOf(markdown: string): Table[] {
  return markdown.split(/^#+ /m).flatMap((section) => {
    const lines = section.split('\n')
    const at = lines.findIndex((line) => line.startsWith('|'))
    if (at < 0) return []
    const end = lines.findIndex((line, i) => i > at && !line.startsWith('|'))
    const [columns = [], , ...rows] = lines.slice(at, end < 0 ? undefined : end).map(cellsOf)
    return [{ title: lines[0]!.trim(), columns, rows }]
  })
}

const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())

/** The lines that say on what machine the numbers were made. */
export const machineOf = (markdown: string): string[] =>
  [...markdown.split(/^#+ /m)[1]!.matchAll(/^- (.*)$/gm)].map(([, line = '']) => line)

/** One contender of a case beside ours. */
export interface Peer {
  readonly name: string
  /** Its time over ours, as it is written. */
  readonly ratio: string
}

export interface Comparison {
  readonly title: string
  /** Our time, as it is written. */
  readonly milliseconds: string
  readonly peers: readonly Peer[]
}

/** The tables that compare times, without contenders that this machine lacked. */
export function comparisonsOf(tables: readonly Table[]): Comparison[] {
  return tables.flatMap(({ title, columns, rows }) => {
    const [time, ratio] = [columns.indexOf('time (ms)'), columns.indexOf('time ÷ ours')]
    if (ratio < 0) return []
    const peers = rows
      .slice(1)
      .filter((row) => row[ratio] !== '')
      .map((row) => ({ name: row[0]!.replace(/ \(once\)$/, ''), ratio: row[ratio]! }))
    return [{ title, milliseconds: rows[0]![time]!, peers }]
  })
}

/** Other people's libraries; NumPy computes in C and Fortran. */
const LIBRARY = /^(NumPy|scikit-learn|numpy-ts|ml-matrix|mathjs|fft\.js|GPU\.js)\b/

export const isNative = (name: string): boolean => /^(NumPy|scikit-learn)\b/.test(name)

/** The cases in which other libraries do the same work, and those alone. */
export function besideLibraries(comparisons: readonly Comparison[]): Comparison[] {
  return comparisons
    .map((comparison) => ({
      ...comparison,
      peers: comparison.peers.filter(({ name }) => LIBRARY.test(name)),
    }))
    .filter(({ peers }) => peers.length > 0)
}
