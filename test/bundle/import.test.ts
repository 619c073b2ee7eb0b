import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeConsumer } from '../support/consumer.js'
import type { Consumer } from '../support/consumer.js'

// The built package in Node, where it is installed and nothing else but what it depends on.

const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  exports: Record<string, unknown>
}
const subpaths = Object.keys(exports)
  .filter((key) => key !== './package.json')
  .map((key) => key.replace('.', 'lowrank'))

let bare: Consumer
let withPeers: Consumer

beforeAll(async () => {
  bare = await makeConsumer(['ndarray'])
  withPeers = await makeConsumer(['ndarray', 'gpu.js', 'mathjs', 'fast-check'])
})

afterAll(() => {
  bare.remove()
  withPeers.remove()
})

test('the package has its subpaths', () => {
  expect(subpaths).toEqual(
    expect.arrayContaining([
      'lowrank',
      'lowrank/linalg',
      'lowrank/sketch',
      'lowrank/factorize',
      'lowrank/gpu',
      'lowrank/recipes',
      'lowrank/testing',
      'lowrank/mathjs',
    ]),
  )
})

const names = 'console.log(JSON.stringify(Object.keys(library).sort()))'

test.each(subpaths)('%s is imported and required without its optional peers', async (subpath) => {
  const [imported, required] = await Promise.all([
    bare.run('mjs', `const library = await import('${subpath}'); ${names}`),
    bare.run('cjs', `const library = require('${subpath}'); ${names}`),
  ])
  expect(imported).not.toHaveLength(0)
  expect(required).toEqual(imported)
})

// What is CommonJS lands in require.cache however it was loaded; mathjs and fast-check have both forms, and
// an ES module leaves no trace there, so their absence in the test above is the other half.
const peersLoaded = `
  const peers = /node_modules.(gpu\\.js|mathjs|fast-check)\\W/
  console.log(JSON.stringify(Object.keys(require.cache).filter((file) => peers.test(file))))`
const requireInEsm = `
  import { createRequire } from 'node:module'
  const require = createRequire(import.meta.url)`

test.each(subpaths)('%s loads no optional peer that is there', async (subpath) => {
  const [imported, required] = await Promise.all([
    withPeers.run('mjs', `import '${subpath}'\n${requireInEsm}\n${peersLoaded}`),
    withPeers.run('cjs', `require('${subpath}')\n${peersLoaded}`),
  ])
  expect(imported).toEqual([])
  expect(required).toEqual([])
})

test('a peer that is loaded would be seen', async () => {
  expect(await withPeers.run('cjs', `require('gpu.js')\n${peersLoaded}`)).not.toEqual([])
  expect(await withPeers.run('mjs', `import 'gpu.js'\n${requireInEsm}\n${peersLoaded}`)).not.toEqual([])
})

test('openGpu loads gpu.js, and says what to install where it is missing', async () => {
  const script = `
    const { LinAlgError, MissingPeerError } = await load('lowrank')
    const { openGpu } = await load('lowrank/gpu')
    try {
      const gpu = await openGpu({ backend: 'cpu' })
      console.log(JSON.stringify([gpu.backend]))
      gpu.dispose()
    } catch (error) {
      const { code, message } = error
      console.log(JSON.stringify([error instanceof LinAlgError, error instanceof MissingPeerError, code, message]))
    }`
  const esm = `const load = (name) => import(name)\n${script}`
  const cjs = `const load = require\n;(async () => {${script}})()`
  const complaint = [true, true, 'MISSING_PEER', expect.stringContaining('npm install gpu.js')]
  expect(await bare.run('mjs', esm)).toEqual(complaint)
  expect(await bare.run('cjs', cjs)).toEqual(complaint)
  expect(await withPeers.run('mjs', esm)).toEqual(['cpu'])
  expect(await withPeers.run('cjs', cjs)).toEqual(['cpu'])
})

test('an error is a LinAlgError of every subpath', async () => {
  const script = `
    const [all, linalg, factorize] = [await load('lowrank'), await load('lowrank/linalg'), await load('lowrank/factorize')]
    const thrown = []
    for (const call of [() => all.rsvd([[NaN]], { rank: 1 }), () => factorize.rsvd([[1]], { rnak: 1 }), () => linalg.matrix([[1], [1, 2]])]) {
      try { call() } catch (error) { thrown.push(error) }
    }
    console.log(JSON.stringify([
      all.LinAlgError === linalg.LinAlgError,
      thrown.map((error) => error.code),
      thrown.every((error) => error instanceof all.LinAlgError && error instanceof linalg.LinAlgError),
      all.rsvd === factorize.rsvd,
    ]))`
  const expected = [true, ['NOT_FINITE', 'OPTION', 'SHAPE'], true, true]
  expect(await bare.run('mjs', `const load = (name) => import(name)\n${script}`)).toEqual(expected)
  expect(await bare.run('cjs', `const load = require\n;(async () => {${script}})()`)).toEqual(expected)
})
