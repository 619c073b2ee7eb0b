import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { browserSupported, swiftshaderEnv } from '../../test/support/chromium.js'

// `npm run bench:gpu`: on a machine with a GPU its figures beside that machine's own libraries, else the ratios of our own
// forms on a software renderer; writes docs/benchmarks-gpu.md, or docs/benchmarks-gpu-software.md. `-- --bundle FOLDER` makes a folder that runs the same on a
// machine with neither npm nor this repository.

const { values } = parseArgs({
  options: { bundle: { type: 'string' }, software: { type: 'boolean', default: false } },
})
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

function run(script: string, args: readonly string[] = [], env: Record<string, string> = {}): void {
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', here(script), ...args], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  if (status !== 0) process.exit(status ?? 1)
}

run('../../scripts/build-wasm.ts')
if (values.bundle !== undefined) {
  const { writeBundle } = await import('./bundle.js')
  await writeBundle(values.bundle)
} else {
  const report = here(`../../docs/benchmarks-gpu${values.software ? '-software' : ''}.md`)
  // The loader reads the path of a software renderer when the process starts.
  const env = values.software && browserSupported() ? await swiftshaderEnv() : {}
  run('bench.ts', [report, here('peers.py'), ...(values.software ? ['--software'] : [])], env)
}
