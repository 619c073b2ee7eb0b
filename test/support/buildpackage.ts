import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Set-up of the bundle tests: they are about the package as it is published, so it is built first.

export default function buildPackage(): void {
  const tsup = join(
    dirname(createRequire(import.meta.url).resolve('tsup/package.json')),
    'dist/cli-default.js',
  )
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsup], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`tsup failed:\n${stdout}\n${stderr}`)
  // Set-ups of a run share one process: see test/docs/setup.ts.
  process.env['LOWRANK_PACKAGE_BUILT'] = 'true'
}
