import { table } from './report.js'
import { besideLibraries, comparisonsOf, isNative, machineOf, tablesOf } from './tables.js'
import type { Peer } from './tables.js'

// The table of the README and of the guide's page on performance: of each case the fastest of the others.

/** The table, and on what machine it was made. */
export function headline(results: string): string {
  const rows = besideLibraries(comparisonsOf(tablesOf(results))).map(({ title, milliseconds, peers }) => [
    title,
    `${milliseconds} ms`,
    fastest(peers.filter(({ name }) => !isNative(name))),
    fastest(peers.filter(({ name }) => isNative(name))),
  ])
  const [processor, node, numpy] = machineOf(results)
  return `${table(['work', 'lowrank', 'other JavaScript', 'NumPy'], rows)}

Our time, and the time of the fastest of each kind over ours: above 1 it takes longer. ${processor}. ${node}. ${numpy}.`
}

function fastest(peers: readonly Peer[]): string {
  if (peers.length === 0) return ''
  const { name, ratio } = peers.reduce((best, peer) =>
    Number(peer.ratio) < Number(best.ratio) ? peer : best,
  )
  return `${name}: ${ratio}`
}

/** The text with what stands between the two markers of `name` replaced. Throws where they are missing. */
export function between(text: string, name: string, content: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [text.indexOf(open), text.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`there is no ${open} … ${close}`)
  return `${text.slice(0, from + open.length)}\n\n${content}\n\n${text.slice(to)}`
}
