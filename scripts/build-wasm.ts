import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'

// Compiles src/linalg/wasm/assembly into src/linalg/wasm/generated, once plain and once with relaxed SIMD,
// each a TypeScript module that holds the binary in base64. Does nothing where the sources are unchanged.

interface Compiler {
  readonly version: string
  main(
    options: readonly string[],
    host: {
      readFile(name: string, base: string): string | null
      listFiles(): string[]
      writeFile(name: string, contents: Uint8Array): void
    },
  ): Promise<{ readonly error: Error | null }>
}

// Through a name that the type checker does not follow: the compiler's own types change those of Array for
// the whole project.
const compiler: string = 'assemblyscript/asc'
const { default: asc } = (await import(compiler)) as { readonly default: Compiler }

const root = fileURLToPath(new URL('..', import.meta.url))
const assembly = 'src/linalg/wasm/assembly'
const generated = 'src/linalg/wasm/generated'

// `stub` and no assertions: the kernels allocate nothing. Memory comes from the workspace.
const flags = ['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--importMemory', '--enable', 'simd']
const variants = { simd: [], relaxed: ['--enable', 'relaxed-simd'] }

const hash = createHash('sha256').update(`${asc.version} ${JSON.stringify([flags, variants])}`)
for (const name of [
  'scripts/build-wasm.ts',
  ...readdirSync(root + assembly).map((name) => `${assembly}/${name}`),
].sort()) {
  hash.update(`${name}\n`).update(readFileSync(root + name))
}
const stamp = `// sources ${hash.digest('hex')}`

for (const [name, extra] of Object.entries(variants)) {
  const file = `${root}${generated}/${name}.ts`
  if (existsSync(file) && readFileSync(file, 'utf8').includes(stamp)) continue
  const binary = await compile([...flags, ...extra])
  mkdirSync(root + generated, { recursive: true })
  const base64 = Buffer.from(binary).toString('base64')
  writeFileSync(
    file,
    `// Made by scripts/build-wasm.ts.\n${stamp}\n/** The kernels, ${binary.length} bytes in base64. */\nexport const ${name} =\n  '${base64}'\n`,
  )
  console.log(`${generated}/${name}.ts: ${binary.length} bytes`)
}

async function compile(options: string[]): Promise<Uint8Array> {
  let binary: Uint8Array | undefined
  const output = 'kernels.wasm'
  const { error } = await asc.main([`${assembly}/index.ts`, '--outFile', output, ...options], {
    readFile: (name, base) => {
      const path = isAbsolute(name) ? name : `${root}${base}/${name}`
      return existsSync(path) ? readFileSync(path, 'utf8') : null
    },
    listFiles: () => [],
    writeFile: (name, contents) => {
      if (name === output) binary = contents
    },
  })
  if (error || !binary) throw error ?? new Error('asc wrote no binary')
  return binary
}
