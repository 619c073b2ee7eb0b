import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { browserSupported, swiftshaderEnv } from '../test/support/chromium.js'

// `npm test`: builds the WASM kernels, then runs vitest with SwiftShader within reach of Node's WebGPU. The
// environment has to be set here, since LD_LIBRARY_PATH counts only at the start of a process. Arguments go
// to vitest: `npm test -- test/linalg`, `npm test -- --project node`. `npm run experiments` comes here too.

const root = fileURLToPath(new URL('..', import.meta.url))
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')

function run(args: readonly string[], env: Record<string, string> = {}): void {
  const { status, signal, error } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  if (error) throw error
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 1))
}

run(['--import', 'tsx', join(root, 'scripts/build-wasm.ts')])
run([vitest, 'run', ...process.argv.slice(2)], browserSupported() ? await swiftshaderEnv() : {})
