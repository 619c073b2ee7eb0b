import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

// Imports run downward only: a folder of src/ may import from the folders listed beside it, and from the
// packages listed. What is not listed may not be imported.

const layers: Record<string, { uses: readonly string[]; packages: readonly string[] }> = {
  linalg: { uses: [], packages: ['ndarray'] },
  sketch: { uses: ['linalg'], packages: ['ndarray'] },
  factorize: { uses: ['linalg', 'sketch'], packages: ['ndarray'] },
  gpu: { uses: ['linalg'], packages: ['ndarray', 'gpu.js'] },
  recipes: { uses: ['linalg', 'sketch', 'factorize'], packages: ['ndarray'] },
  testing: { uses: ['linalg'], packages: ['ndarray', 'fast-check'] },
  mathjs: { uses: ['linalg', 'sketch', 'factorize'], packages: ['ndarray'] },
  'index.ts': { uses: ['linalg', 'sketch', 'factorize'], packages: [] },
}

/** The imports under `src` that run upward, sideways or outside, one line each. */
export function offenders(src: string): string[] {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    // AssemblyScript is a world of its own.
    (file) => file.endsWith('.ts') && !file.split(sep).includes('assembly'),
  )
  return files.sort().flatMap((file) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(src, file), 'utf8'), true, true)
    return importedFiles.flatMap(({ fileName }) => {
      const complaint = judge(src, file, fileName)
      return complaint === undefined ? [] : [`${file}: imports '${fileName}': ${complaint}`]
    })
  })
}

function judge(src: string, file: string, specifier: string): string | undefined {
  const name = file.split(sep)[0]!
  const layer = layers[name]
  if (layer === undefined) return `${name} is not a layer that scripts/check-layers.ts knows`
  if (!specifier.startsWith('.')) {
    const allowed = layer.packages.includes(specifier)
    return allowed ? undefined : `${name} may import the packages ${layer.packages.join(', ') || '(none)'}`
  }
  const target = relative(src, resolve(dirname(join(src, file)), specifier)).split(sep)[0]!
  if (target === name || layer.uses.includes(target)) return undefined
  return `${name} may import from ${layer.uses.join(', ') || 'itself alone'}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = offenders(fileURLToPath(new URL('../src', import.meta.url)))
  for (const line of found) console.error(line)
  console.log(
    found.length === 0 ? 'layers: imports run downward' : `layers: ${found.length} offending imports`,
  )
  process.exitCode = found.length === 0 ? 0 : 1
}
