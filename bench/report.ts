import { cpus, loadavg } from 'node:os'
import { kernelsInUse } from '../src/linalg/wasm/load.js'
import type { KernelRate } from './kernels.js'
import type { Overhead } from './layers.js'
import { LAYERS_TITLE } from './layers.js'
import type { Case, Timing } from './measure.js'
import type { Python } from './python.js'

// Markdown that reads well in a terminal too: tables are padded.

export interface Target {
  readonly claim: string
  readonly measured: string
  readonly met: boolean
}

export function machine({ numpy, sklearn }: Python): string {
  const all = cpus()
  const others = [
    numpy ? `NumPy ${numpy}` : 'no NumPy',
    sklearn ? `scikit-learn ${sklearn}` : 'no scikit-learn',
  ]
  return [
    `- ${all[0]?.model.trim() ?? 'unknown processor'}, ${all.length} cores; every contender on one thread`,
    `- Node ${process.versions.node}, ${process.platform} ${process.arch}; kernels in use: ${kernelsInUse()}`,
    `- ${others.join(', ')} on this machine`,
    `- load average at the start: ${loadavg()[0]!.toFixed(1)} (0 would be a quiet machine)`,
  ].join('\n')
}

/** One case: the least time of each contender, and how many times as long as ours it is. */
export function caseSection(
  { title, flops, contenders, notes = [] }: Case,
  timings: readonly Timing[],
): string {
  const ours = timings[0]!.seconds!
  const names = timings.map(({ name }, i) => (contenders[i]!.slow ? `${name} (once)` : name))
  const rows = timings.map(({ seconds }, i) =>
    seconds === undefined
      ? [names[i]!, 'not on this machine', ...(flops ? [''] : []), '']
      : [
          names[i]!,
          milliseconds(seconds),
          ...(flops ? [(flops / seconds / 1e9).toFixed(2)] : []),
          `${significant(seconds / ours)}`,
        ],
  )
  const head = ['', 'time (ms)', ...(flops ? ['GFLOP/s'] : []), 'time ÷ ours']
  return [`### ${title}`, table(head, rows), ...notes].join('\n\n')
}

/** Each kernel's rates, and the part of gemm's that it reaches. */
export function kernelsSection(rates: readonly KernelRate[]): string {
  const gemm = rates[0]!.flops / rates[0]!.seconds
  const rows = rates.map(({ name, size, flops, bytes, seconds }) => [
    name,
    size,
    flops === 0 ? '' : significant(flops / 1e6),
    significant(bytes / 1e6),
    flops === 0 ? '' : (flops / seconds / 1e9).toFixed(2),
    (bytes / seconds / 1e9).toFixed(2),
    flops === 0 ? '' : `${((100 * flops) / seconds / gemm).toFixed(0)} %`,
  ])
  const head = ['kernel', 'size', 'Mflop', 'MB moved', 'GFLOP/s', 'GB/s', 'of gemm']
  return [
    '### The kernels',
    'Flops and bytes by definition, for operands that are read and written once; what is smaller than a cache never\n' +
      'goes to memory. A kernel that works in place has its operand restored before each run, within the time.',
    table(head, rows),
  ].join('\n\n')
}

export function layersSection(overheads: readonly Overhead[]): string {
  const rows = overheads.map(({ name, seconds, overhead }, i) => [
    name,
    milliseconds(seconds),
    i === 0 ? '' : signedPercent(overhead),
  ])
  return `### The cost of the layers: ${LAYERS_TITLE}\n\n${table(['', 'time (ms)', 'overhead'], rows)}`
}

export function targetsSection(targets: readonly Target[]): string {
  const rows = targets.map(({ claim, measured, met }) => [claim, measured, met ? 'pass' : 'FAIL'])
  return `## Targets\n\n${table(['target', 'this run', ''], rows)}`
}

export const significant = (x: number): string => (x >= 100 ? x.toFixed(0) : x.toPrecision(3))
export const signedPercent = (x: number): string => `${x < 0 ? '−' : '+'}${Math.abs(100 * x).toFixed(2)} %`
const milliseconds = (seconds: number): string => significant(1000 * seconds)

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, j) => Math.max(3, ...[head, ...rows].map((row) => row[j]!.length)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, j) => (j === 0 ? cell.padEnd(widths[j]!) : cell.padStart(widths[j]!))).join(' | ')} |`
  const rule = `| ${widths.map((width, j) => (j === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}
