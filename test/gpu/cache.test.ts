import { expect, test } from 'vitest'
import { KernelCache } from '../../src/gpu/engines/cache.js'

test('the kernels that were not used for the longest time go', () => {
  const gone: string[] = []
  const cache = new KernelCache<{ destroy(): void }>(2)
  const use = (key: string) => cache.get(key, () => ({ destroy: () => gone.push(key) }))
  const a = use('a')
  use('b')
  expect(use('a')).toBe(a)
  use('c')
  expect(gone).toEqual(['b'])
  expect(cache.size).toBe(2)
  cache.drop('a')
  expect(gone).toEqual(['b', 'a'])
  cache.clear()
  expect(gone).toEqual(['b', 'a', 'c'])
})
