import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { BuildOptions } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeConsumer } from '../support/consumer.js'
import type { Consumer } from '../support/consumer.js'

// What an application that imports one function carries: that function and what it needs.

let consumer: Consumer

beforeAll(async () => {
  consumer = await makeConsumer(['ndarray', 'gpu.js'])
})

afterAll(() => consumer.remove())

async function bundle(contents: string, options: BuildOptions = {}): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: consumer.folder },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    logLevel: 'error',
    write: false,
    ...options,
  })
  return outputFiles![0]!.text
}

// Names of things that must be left out, each of which the full import is seen to carry.
const svd = /\bsvdSteps\b/
const rsvd = /\brsvdSteps\b/
const kernels = /[A-Za-z0-9+/=]{1000}/
const gpujs = /\bloopMaxIterations\b/

const everything = `import * as lowrank from 'lowrank'; globalThis.lowrank = lowrank`
const withGpu = `import { openGpu } from 'lowrank/gpu'; globalThis.openGpu = openGpu`
const matrix = `import { matrix } from 'lowrank'; globalThis.matrix = matrix`

test('importing everything brings everything but gpu.js and mathjs', async () => {
  const text = await bundle(everything)
  expect(text).toMatch(svd)
  expect(text).toMatch(rsvd)
  expect(text).toMatch(kernels)
  expect(text).not.toMatch(gpujs)
  expect(text).not.toMatch(/typed-function/)
  expect(await bundle(withGpu)).toMatch(gpujs)
})

test('importing matrix brings neither decompositions nor kernels', async () => {
  const text = await bundle(matrix)
  expect(text).not.toMatch(svd)
  expect(text).not.toMatch(rsvd)
  expect(text).not.toMatch(kernels)
  expect(text).not.toMatch(gpujs)
})

test('importing matrix is small', async () => {
  const [one, all] = await Promise.all([
    bundle(matrix, { minify: true }),
    bundle(everything, { minify: true }),
  ])
  expect(one.length).toBeLessThan(16_000)
  expect(one.length).toBeLessThan(all.length / 4)
})

// sideEffects: false lets a bundler leave out whole files. This is about the statements of a file: with the
// flag taken away, what a bundler must keep is no more than a few constants and tables of options of each file: less
// than a hundredth of what the files hold.
test('importing the package does next to nothing', async () => {
  const manifest = join(consumer.folder, 'node_modules/lowrank/package.json')
  const text = await readFile(manifest, 'utf8')
  await writeFile(manifest, JSON.stringify({ ...(JSON.parse(text) as object), sideEffects: true }))
  const external = ['ndarray', 'gpu.js', 'mathjs']
  const [left, all] = await Promise.all([
    bundle(`import 'lowrank'`, { minify: true, external }),
    bundle(everything, { minify: true, external }),
  ])
  await writeFile(manifest, text)
  expect(left.length, left).toBeLessThan(all.length / 100)
})
