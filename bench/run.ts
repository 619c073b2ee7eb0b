import { denseEigh, denseQr, denseSvd, truncatedSvd } from './factor.js'
import { gemm32, gemm64 } from './gemm.js'
import { layers } from './layers.js'
import { interleaved } from './measure.js'
import type { Case, Timing } from './measure.js'
import { openPython } from './python.js'
import type { Python } from './python.js'
import { caseSection, layersSection, machine, signedPercent, significant, targetsSection } from './report.js'
import type { Target } from './report.js'

export interface BenchOptions {
  /** The small cases alone, fewer rounds. */
  readonly quick: boolean
  readonly say: (line: string) => void
}

/** Runs all cases, prints each as it is done, and answers with the whole report in markdown. */
export async function runBenchmarks({ quick, say }: BenchOptions): Promise<string> {
  const python = await openPython()
  const parts: string[] = []
  const add = (part: string): void => {
    parts.push(part)
    say(`\n${part}`)
  }
  add('# Benchmarks')
  add(
    'Made by `npm run bench`; all numbers are of one run. Contenders of a case take turns, and the least time of\n' +
      'each counts: compare within a table, not between machines. Each answer to a product is checked.',
  )
  add(machine(python))
  const effort = quick ? { rounds: 3, maxTime: 0.1, minTime: 0 } : { rounds: 6, maxTime: 0.15, minTime: 0 }
  const results = new Map<string, readonly Timing[]>()
  for (const [key, make] of Object.entries(quick ? quickCases(python) : allCases(python))) {
    const work = make()
    const timings = await interleaved(work.contenders, effort)
    results.set(key, timings)
    add(caseSection(work, timings))
  }
  const overheads = await layers({ rounds: quick ? 8 : 20, maxTime: 0.15, minTime: 0 })
  add(layersSection(overheads))
  python.close()
  add(
    targetsSection([
      ...speedTargets(results),
      ...overheads.slice(1).map(({ name, overhead }) => ({
        claim: `${name}: overhead below 2 %`,
        measured: signedPercent(overhead),
        met: overhead < 0.02,
      })),
    ]),
  )
  return `${parts.join('\n\n')}\n`
}

type Cases = Record<string, () => Case>

function quickCases(python: Python): Cases {
  return {
    'GEMM 256 float64': () => gemm64([256, 256, 256], python),
    'GEMM 256 float32': () => gemm32([256, 256, 256], python),
    qr: () => denseQr(1000, 100, python),
  }
}

function allCases(python: Python): Cases {
  return {
    'GEMM 256 float64': () => gemm64([256, 256, 256], python),
    'GEMM 1024 float64': () => gemm64([1024, 1024, 1024], python),
    'GEMM 256 float32': () => gemm32([256, 256, 256], python),
    'GEMM 1024 float32': () => gemm32([1024, 1024, 1024], python),
    tall: () => gemm64([20_000, 500, 30], python),
    rsvd: () => truncatedSvd(2000, 600, 20, python),
    svd: () => denseSvd(500, 300, python),
    eigh: () => denseEigh(300, python),
    qr: () => denseQr(1000, 100, python),
  }
}

const SPEED: readonly (readonly [key: string, peer: string, factor: number])[] = [
  ['GEMM 256 float64', 'numpy-ts', 1.3],
  ['GEMM 1024 float64', 'numpy-ts', 1.3],
  ['GEMM 256 float32', 'numpy-ts', 1.15],
  ['GEMM 1024 float32', 'numpy-ts', 1.15],
  ['rsvd', 'ml-matrix SVD, full', 60],
  ['svd', 'ml-matrix SVD', 8],
  ['svd', 'numpy-ts svd', 8],
  ['eigh', 'ml-matrix EVD', 4],
]

/** Each speed that is aimed at, of the cases that were run. */
function speedTargets(results: ReadonlyMap<string, readonly Timing[]>): Target[] {
  return SPEED.flatMap(([key, peer, factor]) => {
    const timings = results.get(key)
    if (!timings) return []
    const ratio = timings.find(({ name }) => name === peer)!.seconds! / timings[0]!.seconds!
    return [
      {
        claim: `${key}: at least ${factor} times as fast as ${peer}`,
        measured: significant(ratio),
        met: ratio >= factor,
      },
    ]
  })
}
