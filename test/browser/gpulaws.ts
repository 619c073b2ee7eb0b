import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { laws } from '../gpu/all.js'
import { browserSupported, launchChromium } from '../support/chromium.js'
import { bundlePage, openPage } from '../support/pages.js'
import type { OpenPage } from '../support/pages.js'
import type * as gpuPage from './pages/gpu.js'
import type { Backend } from './pages/gpu.js'

export type GpuPage = OpenPage<typeof gpuPage>

/** Holds the laws on a backend of the browser's; `more` are tests besides, in pages of their own. */
export function lawsHoldInPage(backend: Backend, more: (open: () => Promise<GpuPage>) => void): void {
  describe.skipIf(!browserSupported())(`in a page, on the GPU by ${backend}`, () => {
    let browser: Browser
    let open: () => Promise<GpuPage>
    let page: GpuPage

    beforeAll(async () => {
      browser = await launchChromium()
      const files = await bundlePage(fileURLToPath(new URL('pages/gpu.ts', import.meta.url)))
      open = () => openPage<typeof gpuPage>(browser, files)
      page = await open()
    })

    afterAll(async () => {
      await page.close()
      await browser.close()
    })

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

    more(() => open())
  })
}
