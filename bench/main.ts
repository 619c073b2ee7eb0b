import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// `npm run bench`, or `npm run bench -- --quick` for a subset that writes no file. The library's WebAssembly
// is built first, so everything that imports it is imported after.

const build = fileURLToPath(new URL('../scripts/build-wasm.ts', import.meta.url))
const { status } = spawnSync(process.execPath, ['--import', 'tsx', build], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

const quick = process.argv.includes('--quick')
const { runBenchmarks } = await import('./run.js')
const report = await runBenchmarks({
  quick,
  say: (line) => {
    console.log(line)
  },
})
if (!quick) {
  writeFileSync(new URL('results.md', import.meta.url), report)
  console.log('\nWritten to bench/results.md')
}
