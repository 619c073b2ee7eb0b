import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { drawn } from '../bench/draw.js'
import { between } from '../bench/headline.js'
import { comparisonsOf, machineOf, tablesOf } from '../bench/tables.js'

// What is written by `npm run bench` says what was measured, and every picture has words beside it.

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

test.each([...drawn()])('%s is what bench/results.md says (npm run bench -- --draw)', (file, text) => {
  expect(read(file)).toBe(text)
})

test('every picture of a page has an alternative text', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'bench/results.md'].concat(
    readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md') && !file.startsWith('.vitepress'))
      .map((file) => join('docs', file)),
  )
  const pictures = pages.flatMap((page) =>
    [...read(page).matchAll(/!\[(.*?)\]\((\S+?)\)|<img\b[^>]*>/g)].map(([all, markdown]) => ({
      all: `${page}: ${all}`,
      alt: markdown ?? /\balt="(.*?)"/.exec(all)?.[1] ?? '',
    })),
  )
  expect(pictures.length).toBeGreaterThanOrEqual(7)
  expect(pictures.filter(({ alt }) => alt.length < 20)).toEqual([])
})

test('pictures that stand for themselves say what they show, are small, and follow light and dark', () => {
  const folder = join(root, 'docs/pictures')
  for (const file of readdirSync(folder)) {
    const svg = readFileSync(join(folder, file), 'utf8')
    expect(svg.length, file).toBeLessThan(150_000)
    expect(svg, file).toMatch(/<svg [^>]*role="img"[^>]*aria-label="[^"]{20,}"/)
    expect(svg, file).toContain('prefers-color-scheme: dark')
    expect(svg, file).not.toMatch(/NaN|Infinity|undefined|https?:(?!\/\/www\.w3\.org\/)/)
  }
})

test('the README can be read in one go', () => {
  expect(read('README.md').split('\n').length).toBeLessThan(200)
})

const REPORT = `# Benchmarks

Words.

- a processor, 2 cores
- Node 20

### Work, float64

|             | time (ms) | GFLOP/s | time ÷ ours |
| ----------- | --------: | ------: | ----------: |
| lowrank     |      1.60 |   21.00 |        1.00 |
| other (once) |     35.7 |    0.94 |        22.3 |
| lacking     | not here |         |             |

A note.

### No table

## Targets

| target | this run |      |
| ------ | -------: | ---: |
| a      |     1.39 | pass |
`

test('tables of a report are read back as they were written', () => {
  const tables = tablesOf(REPORT)
  expect(tables.map(({ title }) => title)).toEqual(['Work, float64', 'Targets'])
  expect(tables[1]).toEqual({
    title: 'Targets',
    columns: ['target', 'this run', ''],
    rows: [['a', '1.39', 'pass']],
  })
  expect(machineOf(REPORT)).toEqual(['a processor, 2 cores', 'Node 20'])
  expect(comparisonsOf(tables)).toEqual([
    { title: 'Work, float64', milliseconds: '1.60', peers: [{ name: 'other', ratio: '22.3' }] },
  ])
})

test('text between markers is replaced, again and again; without markers there is an error', () => {
  const once = between('a\n\n<!-- x -->\n<!-- /x -->\n\nb', 'x', 'new')
  expect(once).toBe('a\n\n<!-- x -->\n\nnew\n\n<!-- /x -->\n\nb')
  expect(between(once, 'x', 'new')).toBe(once)
  expect(() => between('a', 'x', 'new')).toThrow('<!-- x -->')
})
