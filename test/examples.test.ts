import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, test, vi } from 'vitest'

// The code blocks of the README and the guide and the examples of doc comments are run as they stand, each
// as a program of its own that imports `lowrank`.

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'node_modules/.cache/lowrank-examples')
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
  ...blocksOf(readFileSync(join(root, 'README.md'), 'utf8'), 'README'),
  ...readdirSync(join(root, 'docs/guide')).flatMap((file) =>
    blocksOf(readFileSync(join(root, 'docs/guide', file), 'utf8'), file),
  ),
  ...sources.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/@example\n([\s\S]*?)\*\//g)].flatMap(([, body = '']) =>
      blocksOf(body.replace(/^ *\* ?/gm, ''), relative(root, file)),
    ),
  ),
]

beforeAll(() => void mkdirSync(out, { recursive: true }))
afterAll(() => {
  rmSync(out, { recursive: true, force: true })
})

test.each(examples.map((example, i) => ({ ...example, i })))('$i: $name', async ({ i, name, code }) => {
  const outfile = join(out, `${i}-${name.replace(/\W+/g, '-')}.mjs`)
  await build({
    stdin: { contents: code, loader: 'ts', resolveDir: root },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    outfile,
    external: ['ndarray', 'gpu.js', 'mathjs', 'fast-check', 'webgpu'],
    alias: {
      ...Object.fromEntries(SUBPATHS.map((name) => [`lowrank/${name}`, join(root, `src/${name}/index.ts`)])),
      lowrank: join(root, 'src/index.ts'),
    },
    logLevel: 'silent',
  })
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  try {
    await import(pathToFileURL(outfile).href)
  } finally {
    log.mockRestore()
  }
})
