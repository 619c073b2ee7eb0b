import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { solvers } from '../../../src/recipes/index.js'

const all = solvers.list()
const source = (name: string): string => {
  const file = new URL(`../../../src/recipes/solvers/${name.toLowerCase()}.ts`, import.meta.url)
  return readFileSync(file, 'utf8').replace(/\s+\*?\s*/g, ' ')
}

test('every solver is in the list, and nothing else', () => {
  const functions = Object.keys(solvers).filter((name) => name !== 'list')
  expect(all.map(({ name }) => name)).toEqual(functions.sort())
  for (const { name } of all) expect(typeof solvers[name]).toBe('function')
})

test.each(all)('$name: the paper and the year are those of its source', ({ name, paper, year, solves }) => {
  const text = source(name)
  expect(text).toContain(`"${paper}"`)
  expect(text.slice(text.indexOf('Source: '), text.indexOf(`"${paper}"`))).toContain(` ${year}, `)
  expect(solves.length).toBeGreaterThan(10)
})

test('a list is fresh', () => {
  ;(solvers.list() as { name: string }[])[0]!.name = 'other'
  solvers.list().pop()
  expect(solvers.list()).toEqual(all)
})
