import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeConsumer } from '../support/consumer.js'
import type { Consumer } from '../support/consumer.js'

// The published types, in a strict program that has installed the package and nothing else but what it
// depends on, and that checks declaration files too.

const program = `
import { LinAlgError, matrix, rsvd } from 'lowrank'
import type { Matrix } from 'lowrank/linalg'
import * as linalg from 'lowrank/linalg'
import * as sketch from 'lowrank/sketch'
import * as factorize from 'lowrank/factorize'
import * as gpu from 'lowrank/gpu'
import * as recipes from 'lowrank/recipes'
import * as testing from 'lowrank/testing'
import * as mathjs from 'lowrank/mathjs'

const A: Matrix = matrix([[1, 2], [3, 4]])
export const s: Float64Array = rsvd(A, { rank: 1 }).s
export const same: typeof LinAlgError = linalg.LinAlgError
export const later: Promise<{ s: Float64Array }> = factorize.rsvd.async(A, { rank: 1 })
export async function onGpu(): Promise<Float64Array> {
  const device = await gpu.openGpu({ backend: 'webgpu' })
  const resident = await device.matrix(A)
  const { s } = await rsvd(resident, { rank: 1 })
  return s
}
export const rest = [sketch, recipes, testing, mathjs]
// @ts-expect-error: options are typed
rsvd(A, { rnak: 1 })
`

let consumer: Consumer

beforeAll(async () => {
  consumer = await makeConsumer(['ndarray', '@types/ndarray'])
  writeFileSync(join(consumer.folder, 'esm.mts'), program)
  writeFileSync(join(consumer.folder, 'cjs.cts'), program)
})

afterAll(() => consumer.remove())

test.each([
  [
    'Node, ESM and CommonJS',
    ['esm.mts', 'cjs.cts'],
    ts.ModuleKind.NodeNext,
    ts.ModuleResolutionKind.NodeNext,
  ],
  ['a bundler', ['esm.mts'], ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
])('the types hold for %s', (_, files, module, moduleResolution) => {
  const paths = files.map((file) => join(consumer.folder, file))
  const checked = ts.createProgram(paths, {
    module,
    moduleResolution,
    target: ts.ScriptTarget.ES2022,
    // The last one because what the GPU holds can be declared with `using`.
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.esnext.disposable.d.ts'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
  })
  const found = ts.getPreEmitDiagnostics(checked).map((each) => {
    const where = each.file ? `${each.file.fileName.replace(consumer.folder, '')}: ` : ''
    return where + ts.flattenDiagnosticMessageText(each.messageText, '\n')
  })
  expect(found).toEqual([])
})
