import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { offenders } from '../scripts/check-layers.js'

const folders: string[] = []

function tree(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'lowrank-layers-'))
  folders.push(folder)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

test('imports in src/ run downward', () => {
  expect(offenders(fileURLToPath(new URL('../src', import.meta.url)))).toEqual([])
})

test('imports that run downward are let through', () => {
  const src = tree({
    'index.ts': `export * from './linalg/index.js'\nexport * from './factorize/index.js'`,
    'linalg/arrays.ts': `import ndarray from 'ndarray'\nimport type { E } from './errors.js'`,
    'factorize/rsvd.ts': `import { matrix } from '../linalg/arrays.js'\nimport { g } from '../sketch/gaussian.js'`,
    'gpu/device.ts': `const gpu = await import('gpu.js')`,
    'linalg/wasm/assembly/kernels.ts': `import { anything } from '../../../gpu/device'`,
  })
  expect(offenders(src)).toEqual([])
})

test.each([
  ['upward', 'linalg/svd.ts', `import { rsvd } from '../factorize/rsvd.js'`],
  ['upward, a type', 'sketch/srht.ts', `import type { Svd } from '../factorize/rsvd.js'`],
  ['upward, lazily', 'linalg/svd.ts', `const gpu = () => import('../gpu/index.js')`],
  ['upward, by export', 'linalg/index.ts', `export * from '../sketch/index.js'`],
  ['upward, a type expression', 'linalg/svd.ts', `let x: import('../gpu/index.js').Gpu`],
  ['sideways', 'gpu/device.ts', `import { rsvd } from '../factorize/rsvd.js'`],
  ['to the index', 'linalg/svd.ts', `import { rsvd } from '../index.js'`],
  ['out of the house', 'linalg/svd.ts', `import { expect } from '../../test/support/x.js'`],
  ['of a package', 'linalg/svd.ts', `import { GPU } from 'gpu.js'`],
  ['of Node alone', 'linalg/svd.ts', `import fs from 'node:fs'`],
  ['from an unknown folder', 'utils/x.ts', `import { matrix } from '../linalg/arrays.js'`],
])('an import %s is an offender', (_, file, text) => {
  const found = offenders(tree({ [file]: text }))
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(file)
})
