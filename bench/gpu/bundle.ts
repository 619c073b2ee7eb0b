import {
  chmodSync,
  copyFileSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createGzip } from 'node:zlib'
import { build } from 'esbuild'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** A folder that runs the benchmark with nothing installed: the bundles, Dawn's library, Node itself, and `run.sh`. */
export async function writeBundle(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const platform = `${process.platform}-${process.platform === 'darwin' ? 'universal' : process.arch}`
  const dawn = join(dirname(createRequire(import.meta.url).resolve('webgpu')), 'dist', platform, 'dawn.node')
  copyFileSync(dawn, join(folder, 'dawn.node'))
  copyFileSync(here('peers.py'), join(folder, 'peers.py'))
  await build({
    entryPoints: { bench: here('bench.ts'), laws: here('laws.ts') },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    logLevel: 'error',
    // CommonJS packages within ask for these.
    banner: {
      js: [
        "import { createRequire as __make } from 'node:module'",
        "import { fileURLToPath as __path } from 'node:url'",
        'const require = __make(import.meta.url)',
        'const __filename = __path(import.meta.url)',
      ].join('\n'),
    },
    plugins: [
      {
        name: 'dawn beside the bundle',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^webgpu$/ }, () => ({ path: 'webgpu', namespace: 'beside' }))
          onLoad({ filter: /.*/, namespace: 'beside' }, () => ({
            contents:
              "import { createRequire } from 'node:module'\nexport const { create, globals } = createRequire(import.meta.url)('./dawn.node')",
          }))
        },
      },
    ],
  })
  await pipeline(
    createReadStream(process.execPath),
    createGzip({ level: 9 }),
    createWriteStream(join(folder, 'node.gz')),
  )
  const script = [
    '#!/bin/sh',
    '# ./run.sh [REPORT]: the benchmark; ./run.sh --laws: what the tests ask of every backend, on this GPU. Needs the',
    '# vendor’s Vulkan driver and its loader (libvulkan.so.1); Python with torch for the peers.',
    'set -e',
    'cd "$(dirname "$0")"',
    '[ -x node ] || { gunzip -c node.gz > node; chmod +x node; }',
    '[ "$1" = --laws ] && exec ./node laws.mjs',
    'exec ./node bench.mjs "${1:-benchmarks-gpu.md}" peers.py',
    '',
  ].join('\n')
  writeFileSync(join(folder, 'run.sh'), script)
  chmodSync(join(folder, 'run.sh'), 0o755)
  console.log(`Written to ${folder}: run.sh`)
}
