import { nloraStart, pissaStart } from './adapters.js'
import { butterflyFourier, butterflyProduct } from './butterfly.js'
import { completionExponent, completionGrowth } from './completion.js'
import { fourier, hadamard, sparseProduct, symmetricEigen } from './dense.js'
import {
  blockNystrom,
  denseQr,
  denseSvd,
  kernelNystrom,
  nuclearProxy,
  truncatedSvd,
  tuckerDecomposition,
} from './factor.js'
import { gemm32, gemm64 } from './gemm.js'
import { kernelRates } from './kernels.js'
import { layers } from './layers.js'
import { interleaved } from './measure.js'
import type { Case, Timing } from './measure.js'
import { gradientPass, mfacGrowth } from './mfac.js'
import { EXACT, PRODUCTS, projectedStep, projectionChoice } from './optimizers.js'
import { openPython } from './python.js'
import type { Python } from './python.js'
import {
  caseSection,
  kernelsSection,
  layersSection,
  machine,
  signedPercent,
  significant,
  targetsSection,
} from './report.js'
import type { Target } from './report.js'
import { DENSE, DIRECT, SVD, countingSketch, hadamardSketch, regression, sparseSketch } from './sketching.js'

export interface BenchOptions {
  /** The small cases alone, fewer rounds. */
  readonly quick: boolean
  /** The cases with these keys alone. */
  readonly only?: readonly string[] | undefined
  readonly say: (line: string) => void
}

/** Runs all cases, prints each as it is done, and answers with the whole report in markdown. */
export async function runBenchmarks({ quick, only, say }: BenchOptions): Promise<string> {
  const python = await openPython()
  const parts: string[] = []
  const add = (part: string): void => {
    parts.push(part)
    say(`\n${part}`)
  }
  add('# Benchmarks')
  add(
    'Made by `npm run bench`; all numbers are of one run. Contenders of a case take turns, and the least time of\n' +
      'each counts, but those marked “once” had one turn, which noise may have lengthened. Compare within a table,\n' +
      'not between machines. The products of the JavaScript libraries are compared with ours.',
  )
  add(machine(python))
  const effort = quick ? { rounds: 3, maxTime: 0.1, minTime: 0 } : { rounds: 6, maxTime: 0.15, minTime: 0 }
  const results = new Map<string, readonly Timing[]>()
  for (const [key, make] of Object.entries(quick ? quickCases(python) : allCases(python))) {
    if (only && !only.includes(key)) continue
    const work = make()
    const timings = await interleaved(work.contenders, effort)
    results.set(key, timings)
    add(caseSection(work, timings))
  }
  if (only) {
    python.close()
    return parts.join('\n\n')
  }
  if (!quick) add(kernelsSection(await kernelRates({ rounds: 3, maxTime: 0.05, minTime: 0 })))
  const overheads = await layers({ rounds: quick ? 30 : 100, maxTime: 0, minTime: 0 })
  add(layersSection(overheads))
  python.close()
  add(
    targetsSection([
      ...speedTargets(results),
      ...growthTargets(results),
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
    nystrom: () => kernelNystrom('gaussian', 20_000, 20, 100, python),
    rpcholesky: () => kernelNystrom('rpcholesky', 20_000, 20, 100, python),
    butterfly: () => butterflyProduct(4096, 64),
    'butterfly.dft': () => butterflyFourier(4096),
    nystromBlocks: () => blockNystrom(1024, 16),
    nuclear: () => nuclearProxy(1024),
    tucker: () => tuckerDecomposition(200, 10),
    svd: () => denseSvd(500, 300, python),
    qr: () => denseQr(500, 300, python),
    eigh: () => symmetricEigen(300, python),
    fft: () => fourier(2 ** 16, python),
    fwht: () => hadamard(2 ** 20),
    csr: () => sparseProduct(20_000, 20, 16),
    srht: () => hadamardSketch(256, 8192, 256),
    countSketch: () => countingSketch(256, 8192, 256),
    sparseSign: () => sparseSketch(256, 8192, 256),
    sketchedLstsq: () => regression(20_000, 100),
    'M-FAC G·v': () => gradientPass(64, 1_000_000, false),
    'M-FAC Gᵀ·c': () => gradientPass(64, 1_000_000, true),
    'M-FAC growth': () => mfacGrowth(64, 100_000),
    'projected step': () => projectedStep(1024, 64),
    'cosine projection': () => projectionChoice(1024, 64),
    completion: () => completionGrowth(2300, 0.9),
    'NLoRA init': () => nloraStart(1024, 16),
    'PiSSA init': () => pissaStart(1024, 16),
  }
}

const SPEED: readonly (readonly [key: string, peer: string, factor: number])[] = [
  ['GEMM 256 float64', 'numpy-ts', 1.3],
  ['GEMM 1024 float64', 'numpy-ts', 1.3],
  ['GEMM 256 float32', 'numpy-ts', 1.15],
  ['GEMM 1024 float32', 'numpy-ts', 1.15],
  ['rsvd', 'ml-matrix SVD, full', 60],
  ['tucker', 'lowrank tucker, ST-HOSVD', 5],
  ['svd', 'ml-matrix SVD', 8],
  ['svd', 'numpy-ts svd', 8],
  ['svd', 'NumPy svd', 1 / 5],
  ['qr', 'ml-matrix QR, with its Q', 8],
  ['eigh', 'ml-matrix EVD', 4],
  ['eigh', 'NumPy eigh', 1 / 4],
  ['fft', 'fft.js', 1 / 1.5],
  // Within twice a pass over memory times log₂(n)/4, n = 2²⁰.
  ['fwht', 'one pass over memory, y = 2x', 1 / 10],
  ['csr', 'the plain loop', 1.5],
  ['nystromBlocks', 'lowrank svd', 10],
  ['NLoRA init', 'PiSSA by the whole SVD', 10],
  ['PiSSA init', 'PiSSA by the whole SVD', 10],
  ['butterfly', 'lowrank matmul, dense', 10],
  ['butterfly.dft', 'fft.js', 1 / 3],
  ['nuclear', 'lowrank norm, nuclear', 8],
  ['srht', DENSE, 3],
  ['countSketch', DENSE, 10],
  ['sparseSign', DENSE, 5],
  ['sketchedLstsq', SVD, 3],
  ['sketchedLstsq', DIRECT, 1],
  ['M-FAC G·v', 'one pass over memory, the sum of all numbers', 0.7],
  ['M-FAC Gᵀ·c', 'one pass over memory, the sum of all numbers', 0.7],
  ['projected step', PRODUCTS, 1 / 1.3],
  ['cosine projection', EXACT, 10],
]

/** Each speed that is aimed at, of the cases that were run. */
function speedTargets(results: ReadonlyMap<string, readonly Timing[]>): Target[] {
  return SPEED.flatMap(([key, peer, factor]) => {
    const timings = results.get(key)
    if (!timings) return []
    const seconds = timings.find(({ name }) => name === peer)?.seconds
    if (seconds === undefined) return []
    const ratio = seconds / timings[0]!.seconds!
    return [
      {
        claim: `${key}: at least ${significant(factor)} times as fast as ${peer}`,
        measured: significant(ratio),
        met: ratio >= factor,
      },
    ]
  })
}

/** How the time of a completion grows with its rank. */
function growthTargets(results: ReadonlyMap<string, readonly Timing[]>): Target[] {
  const timings = results.get('completion')
  if (!timings) return []
  const [exact, sketched] = [completionExponent(timings, 'als'), completionExponent(timings, 'sketched')]
  const claim = 'completion, sketched: time grows at most like rank^1.2'
  const measured = `${significant(sketched)} (als: ${significant(exact)})`
  return [{ claim, measured, met: sketched <= 1.2 }]
}
