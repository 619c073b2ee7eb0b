import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// `npm run bench` measures, writes bench/results.md, and draws what is made of it. `npm run bench -- --quick` is a
// subset that writes no file, `npm run bench -- --draw` draws what was measured before. The library's WebAssembly
// is built first, so everything that imports it is imported after.

const build = fileURLToPath(new URL('../scripts/build-wasm.ts', import.meta.url))
const { status } = spawnSync(process.execPath, ['--import', 'tsx', build], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

const quick = process.argv.includes('--quick')
if (!process.argv.includes('--draw')) {
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
}
if (!quick) {
  const { draw } = await import('./draw.js')
  for (const file of draw()) console.log(`Written: ${file}`)
}
