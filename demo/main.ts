import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

// `npm run demo`, or `npm run demo -- --picture` for the README's picture alone. The library's WebAssembly is built
// first, so everything that imports it is imported after.

const build = fileURLToPath(new URL('../scripts/build-wasm.ts', import.meta.url))
const { status } = spawnSync(process.execPath, ['--import', 'tsx', build], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

if (process.argv.includes('--picture')) {
  const { photographAtRanks } = await import('./picture.js')
  writeFileSync(new URL('../docs/pictures/photograph.svg', import.meta.url), photographAtRanks())
  console.log('Written: docs/pictures/photograph.svg')
} else {
  const { runDemo } = await import('./run.js')
  const page = await runDemo({
    digits: 60_000,
    rank: 64,
    photoRanks: [5, 20, 60, 120],
    out: fileURLToPath(new URL('out', import.meta.url)),
    say: (line) => {
      console.log(line)
    },
  })
  console.log(`\nThe page: ${relative(process.cwd(), page)}`)
}
