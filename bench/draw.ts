import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chartsOf } from './charts.js'
import { between, headline } from './headline.js'

// What is made of bench/results.md: charts in docs/pictures, and the table of the README and of the guide.

const root = fileURLToPath(new URL('..', import.meta.url))

/** Files by their path from the root, as they should be. */
export function drawn(): Map<string, string> {
  const read = (file: string): string => readFileSync(join(root, file), 'utf8')
  const results = read('bench/results.md')
  return new Map([
    ...['README.md', 'docs/guide/performance.md'].map(
      (file) => [file, between(read(file), 'speed', headline(results))] as const,
    ),
    ...chartsOf(results).map(({ name, svg }) => [`docs/pictures/${name}.svg`, svg] as const),
  ])
}

/** Writes them, and answers with their names. */
export function draw(): string[] {
  mkdirSync(join(root, 'docs/pictures'), { recursive: true })
  const files = drawn()
  for (const [file, text] of files) writeFileSync(join(root, file), text)
  return [...files.keys()]
}
