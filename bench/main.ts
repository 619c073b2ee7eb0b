import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

// `npm run bench` measures, writes bench/results.md, and draws what is made of it. `npm run bench -- --quick` is a
// subset that writes no file, `-- --only tucker,svd` some cases (by their keys in run.ts), likewise, and `-- --draw` draws
// what was measured before. The library's WebAssembly is built first, so everything that imports it is imported after.

const build = fileURLToPath(new URL('../scripts/build-wasm.ts', import.meta.url))
const { status } = spawnSync(process.execPath, ['--import', 'tsx', build], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    draw: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
})
const only = values.only?.split(',')
const writes = !values.quick && only === undefined
if (!values.draw) {
  const { runBenchmarks } = await import('./run.js')
  const report = await runBenchmarks({
    quick: values.quick,
    only,
    say: (line) => {
      console.log(line)
    },
  })
  if (writes) {
    writeFileSync(new URL('results.md', import.meta.url), report)
    console.log('\nWritten to bench/results.md')
  }
}
if (writes) {
  const { draw } = await import('./draw.js')
  for (const file of draw()) console.log(`Written: ${file}`)
}
