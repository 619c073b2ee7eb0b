import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, transform } from 'esbuild'
import { afterAll, beforeAll, describe, test, vi } from 'vitest'

// The code blocks of the README, the site's first page and the guide and the examples of doc comments are run as they stand, each a
// module of its own beside a package `lowrank`.

const root = fileURLToPath(new URL('..', import.meta.url))
const SUBPATHS = ['linalg', 'sketch', 'factorize', 'gpu', 'recipes', 'testing', 'mathjs']

interface Example {
  readonly name: string
  readonly code: string
}

function blocksOf(text: string, name: string): Example[] {
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ''], i) => ({
    name: `${name} #${i + 1}`,
    code,
  }))
}

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.includes('assembly') && !file.includes('generated'))
  .map((file) => join(root, 'src', file))

/** Doc comments lose their stars; only blocks behind @example are programs. */
const examples: Example[] = [
  ...['README.md', 'docs/index.md'].flatMap((file) => blocksOf(readFileSync(join(root, file), 'utf8'), file)),
  ...readdirSync(join(root, 'docs/guide')).flatMap((file) =>
    blocksOf(readFileSync(join(root, 'docs/guide', file), 'utf8'), file),
  ),
  ...sources.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/@example\n([\s\S]*?)\*\//g)].flatMap(([, body = '']) =>
      blocksOf(body.replace(/^ *\* ?/gm, ''), relative(root, file)),
    ),
  ),
]

describe('examples', () => {
  let out: string

  beforeAll(async () => {
    const cache = join(root, 'node_modules/.cache')
    mkdirSync(cache, { recursive: true })
    out = mkdtempSync(join(cache, 'lowrank-examples-'))
    const outdir = join(out, 'node_modules/lowrank')
    await build({
      entryPoints: Object.fromEntries(
        ['', ...SUBPATHS].map((name) => [name || 'index', join(root, 'src', name, 'index.ts')]),
      ),
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'es2022',
      packages: 'external',
      outdir,
    })
    const exports = { '.': './index.js', './*': './*.js' }
    writeFileSync(join(outdir, 'package.json'), JSON.stringify({ name: 'lowrank', type: 'module', exports }))
  })

  afterAll(() => {
    rmSync(out, { recursive: true, force: true })
  })

  test.each(examples.map((example, i) => ({ ...example, i })))('$i: $name', async ({ i, name, code }) => {
    const file = join(out, `${i}-${name.replace(/\W+/g, '-')}.mjs`)
    writeFileSync(file, (await transform(code, { loader: 'ts', target: 'es2022' })).code)
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    try {
      await import(pathToFileURL(file).href)
    } finally {
      log.mockRestore()
    }
  })
})
