import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { create } from 'webgpu'
import { openGpu } from '../../src/gpu/index.js'
import type { Gpu } from '../../src/gpu/index.js'
import { significant, table } from '../report.js'
import { crossovers } from './crossover.js'
import type { Crossover } from './crossover.js'
import { productForms } from './forms.js'
import { methodCases } from './methods.js'
import type { MethodCase } from './methods.js'
import { openPeers } from './peers.js'
import type { Peers } from './peers.js'
import { thinForms, thinProducts, tuneFor, tunedSpeeds } from './shapes.js'

// Runs everything on one device and writes the page: bench.ts REPORT PEERS [--software] [--products]; the last stops after
// the products. DAWN_FLAGS goes to Dawn: 'enable-dawn-features=disable_robustness', say.

const [report, script, ...flags] = process.argv.slice(2)
const software = flags.includes('--software')
const parts: string[] = []
const add = (part: string): void => {
  parts.push(part)
  console.log(`\n${part}`)
}

const entry = create(process.env['DAWN_FLAGS']?.split(' ') ?? [])
const gpu = await openGpu({ backend: software ? 'webgpu' : 'auto', gpu: entry })
const peers = await openPeers(script!)
add('# The GPU, measured')
add(introduction(gpu, peers))
add(await formsSection(gpu, software ? 512 : 2048))
if (!software) {
  for (const k of [16, 32, 128]) await tuneFor(gpu, k)
  add(await tunerSection(gpu))
}
add(await thinSection())
if (flags.includes('--products')) {
  console.log('No more was asked for.')
} else if (software) {
  const webasm = await openGpu({ backend: 'webasm' })
  add(await formsSection(webasm, 512))
  webasm.dispose()
  add(await crossingSection(gpu))
} else {
  for (const work of methodCases(false)) add(await methodSection(gpu, peers, work))
  add(crossoverSection(await crossovers(gpu)))
}
peers.close()
gpu.dispose()
if (report) writeFileSync(report, `${parts.join('\n\n')}\n`)

function introduction({ renderer, backend }: Gpu, { numpy, torch, card }: Peers): string {
  const all = cpus()
  const machine = [
    `- ${backend} on ${renderer}${card ? `, which torch calls ${card}` : ''}`,
    `- ${all[0]?.model.trim() ?? 'unknown processor'}, ${all.length} cores; Node ${process.versions.node}; load average at the start ${loadavg()[0]!.toFixed(1)}`,
    `- ${numpy ? `NumPy ${numpy}` : 'no NumPy'}, ${torch ? `torch ${torch}` : 'no torch'} on this machine`,
  ].join('\n')
  const how = software
    ? 'Made by `npm run bench:gpu -- --software`, on a software renderer: only ratios between our own forms mean anything here. Those of a GPU are in benchmarks-gpu.md.'
    : 'Made by `npm run bench:gpu`. The least time of some turns counts; “host to host” includes all transfers.'
  return `${how}\n\n${machine}`
}

async function formsSection(on: Gpu, n: number): Promise<string> {
  const timings = await productForms(on, n, 4)
  const rows = timings.map(({ name, seconds }) => [
    name,
    (1000 * seconds).toFixed(1),
    ((2 * n ** 3) / seconds / 1e9).toFixed(2),
    `${significant(timings[0]!.seconds / seconds)}`,
  ])
  const head = ['', 'time (ms)', 'GFLOP/s', 'times the first']
  return `## ${on.backend}: a product of ${n}×${n} on resident data\n\n${table(head, rows)}`
}

/** After all products of the page: what each form does within one submission. */
async function tunerSection(on: Gpu): Promise<string> {
  const speeds = await tunedSpeeds(on)
  const rows = speeds.map(({ side, variant, speed }) => [side, variant, (speed / 1e9).toFixed(0)])
  const about =
    'Products of 8192×2048 many times in one submission, which is what the choice of a form rests on.'
  return `## The forms, as the tuner found them\n\n${about}\n\n${table(['', 'form', 'GFLOP/s'], rows)}`
}

async function thinSection(): Promise<string> {
  const sections: string[] = []
  for (const work of thinProducts(software)) {
    const { title, rows, cols, k, peer } = work
    const timings = await thinForms(entry, work, 4)
    const torch = await peers.seconds(peer, 5)
    if (torch !== undefined) timings.push({ name: 'torch, float32 without TF32', seconds: torch })
    const bytes = 4 * (rows * cols + (rows + cols) * k)
    const lines = timings.map(({ name, seconds }) => [
      name,
      (1e6 * seconds).toFixed(0),
      ((2 * rows * cols * k) / seconds / 1e9).toFixed(0),
      (bytes / seconds / 1e9).toFixed(0),
      significant(seconds / timings[0]!.seconds),
    ])
    const head = [title, 'time (µs)', 'GFLOP/s', 'GB/s', 'time ÷ ours']
    sections.push(table(head, lines))
  }
  const about = 'Ten products handed over at a time; A, X and the answer count as bytes once each.'
  return `## Thin products on resident data, by form\n\n${about}\n\n${sections.join('\n\n')}`
}

/** Turns of a method, the first of which does not count, and what each moved. */
async function timed(on: Gpu, { prepare }: MethodCase, turns: number) {
  const work = await prepare(on)
  const before = on.stats()
  let seconds = Infinity
  for (let turn = 0; turn <= turns; turn++) {
    const start = performance.now()
    await work.run()
    if (turn > 0) seconds = Math.min(seconds, (performance.now() - start) / 1000)
  }
  const after = on.stats()
  work.dispose()
  const moved = (field: 'bytesUp' | 'bytesDown'): string =>
    megabytes((after[field] - before[field]) / (turns + 1))
  return { seconds, up: moved('bytesUp'), down: moved('bytesDown') }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}

async function methodSection(on: Gpu, others: Peers, work: MethodCase): Promise<string> {
  const { title, flops, peers } = work
  const ours = await timed(on, work, 4)
  const row = (name: string, seconds: number): string[] => [
    name,
    (1000 * seconds).toFixed(1),
    flops === undefined ? '' : (flops / seconds / 1e9).toFixed(0),
    significant(seconds / ours.seconds),
  ]
  const rows = [row('lowrank on the GPU', ours.seconds)]
  for (const { name, work: asked, slow } of peers) {
    const seconds = await others.seconds(asked, slow ? 1 : 3)
    rows.push(seconds === undefined ? [name, 'not on this machine', '', ''] : row(name, seconds))
  }
  const crossed = `Each turn moved ${ours.up} to the device and ${ours.down} back.`
  return `## ${title}\n\n${table(['', 'time (ms)', 'GFLOP/s', 'time ÷ ours'], rows)}\n\n${crossed}`
}

async function crossingSection(on: Gpu): Promise<string> {
  const rows = []
  for (const work of methodCases(true)) {
    const { up, down } = await timed(on, work, 0)
    rows.push([work.title, up, down])
  }
  return `## What crosses, at small sizes\n\n${table(['', 'to the device', 'back'], rows)}`
}

function crossoverSection(found: readonly Crossover[]): string {
  const rows = found.flatMap(({ method, size, points }) =>
    points.map(({ n, cpu, gpu: there }) => [
      method,
      `${size} = ${n}`,
      (1000 * cpu).toFixed(1),
      (1000 * there).toFixed(1),
      significant(cpu / there),
    ]),
  )
  const head = ['', 'size', 'CPU, one core (ms)', 'GPU (ms)', 'CPU ÷ GPU']
  return `## From which size on it pays\n\nUploads included.\n\n${table(head, rows)}`
}
