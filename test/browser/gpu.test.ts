import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { laws } from '../gpu/all.js'
import { browserSupported, launchChromium } from '../support/chromium.js'
import { bundlePage, openPage } from '../support/pages.js'
import type { Files, OpenPage } from '../support/pages.js'
import type * as gpuPage from './pages/gpu.js'

type Page = OpenPage<typeof gpuPage>

describe.skipIf(!browserSupported())('in a page, on the GPU', () => {
  let browser: Browser
  let files: Files

  beforeAll(async () => {
    browser = await launchChromium()
    files = await bundlePage(fileURLToPath(new URL('pages/gpu.ts', import.meta.url)))
  })

  afterAll(() => browser.close())

  describe.each(['webgl2', 'webgpu'] as const)('%s', (backend) => {
    let page: Page

    beforeAll(async () => {
      page = await openPage(browser, files)
    })

    afterAll(() => page.close())

    let worked = 0

    test.each(Object.keys(laws))('%s', async (law) => {
      const other = backend === 'webgpu' ? 'webgl2' : 'webgpu'
      const ran = await page.call('runLaw', law, backend)
      expect(ran.backend).toBe(backend)
      expect(ran.calls[other]).toBe(0)
      worked += ran.calls[backend]
    })

    test('the laws gave it work', () => {
      expect(worked).toBeGreaterThan(0)
    })

    test('a lost device is an error that says so, and can be opened anew', async () => {
      expect(await page.call('loseDevice', backend)).toEqual({ code: 'GPU_LOST', again: backend })
    })
  })

  test('a thousand calls leave no more textures than five hundred', { timeout: 240_000 }, async () => {
    const page: Page = await openPage(browser, files)
    expect(await page.call('runMixedCalls', 1000)).toBe('webgl2')
    await page.close()
  })

  test("'auto' refuses a software renderer", async () => {
    const page: Page = await openPage(browser, files)
    expect(await page.call('openAuto')).toMatchObject({
      code: 'GPU_UNAVAILABLE',
      message: expect.stringMatching(/CPU/) as string,
    })
    await page.close()
  })
})
