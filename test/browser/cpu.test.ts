import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { browserSupported, launchChromium } from '../support/chromium.js'
import { bundlePage, openPage } from '../support/pages.js'
import type { Files, OpenPage } from '../support/pages.js'
import * as node from './pages/cpu.js'

describe.skipIf(!browserSupported())('in a page, on the CPU', () => {
  let browser: Browser
  let files: Files
  let page: OpenPage<typeof node>

  beforeAll(async () => {
    browser = await launchChromium()
    files = await bundlePage(fileURLToPath(new URL('pages/cpu.ts', import.meta.url)))
    page = await openPage<typeof node>(browser, files)
  })

  afterAll(async () => {
    await page.close()
    await browser.close()
  })

  test('the first call is answered at once, by the relaxed SIMD kernels', async () => {
    expect((await page.call('firstResult')).kernels).toBe('relaxed')
  })

  test('rsvd agrees with Node to rounding', async () => {
    const here = node.firstResult()
    const there = await page.call('firstResult')
    const scale = here.s[0]!
    for (const part of ['s', 'U', 'Vt'] as const) {
      expect(there[part]).toHaveLength(here[part].length)
      const tolerance = 1e-12 * (part === 's' ? scale : 1)
      here[part].forEach((value, i) => expect(Math.abs(there[part][i]! - value)).toBeLessThan(tolerance))
    }
  })

  test('rsvd.async gives the event loop its turns', async () => {
    const { longestGap, rate, took } = await page.call('turnsWhileRunning', [3000, 1500], 100)
    expect(took).toBeGreaterThan(200)
    // The promise is a turn every 16 ms. Other processes share this machine, so the margin is wide.
    expect(longestGap).toBeLessThan(100)
    expect(rate).toBeGreaterThan(20)
  })

  // ndarray makes its classes from text, which a strict policy forbids; importing makes none.
  test.each([
    [`script-src 'self'`, { kernels: 'plain', error: 'EvalError' }],
    [`script-src 'self' 'wasm-unsafe-eval'`, { kernels: 'relaxed', error: 'EvalError' }],
    [`script-src 'self' 'unsafe-eval'`, { kernels: 'relaxed', error: 'none' }],
  ])('is imported under the policy %s', async (policy, expected) => {
    const strict = await openPage<typeof node>(browser, files, policy)
    expect(await strict.call('underPolicy')).toEqual(expected)
    await strict.close()
  })
})
