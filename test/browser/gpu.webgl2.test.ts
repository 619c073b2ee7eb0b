import { expect, test } from 'vitest'
import { lawsHoldInPage } from './gpulaws.js'

lawsHoldInPage('webgl2', (open) => {
  test('a thousand calls leave no more textures than five hundred', { timeout: 240_000 }, async () => {
    const page = await open()
    expect(await page.call('runMixedCalls', 1000)).toBe('webgl2')
    await page.close()
  })
})
