import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { browserSupported, launchChromium } from '../support/chromium.js'
import { makeConsumer } from '../support/consumer.js'
import type { Consumer } from '../support/consumer.js'
import { bundlePage, openPage } from '../support/pages.js'
import type { OpenPage } from '../support/pages.js'

// GPU.js reads kernels as text, and minifiers rewrite text: so the built package, bundled for production
// with all names mangled, has to run its kernels in a real browser.

type App = {
  compare(backend: string): Promise<{
    backend: string
    answers: Record<string, { onGpu: number[]; onCpu: number[] }>
    handles: number
  }>
}

describe.skipIf(!browserSupported())('a minified production bundle', () => {
  let browser: Browser
  let consumer: Consumer

  beforeAll(async () => {
    browser = await launchChromium()
    consumer = await makeConsumer(['ndarray', 'gpu.js'])
    copyFileSync(fileURLToPath(new URL('apps/gpu.js', import.meta.url)), join(consumer.folder, 'app.js'))
  })

  afterAll(async () => {
    await browser.close()
    consumer.remove()
  })

  describe.each([{ splitting: false }, { splitting: true }])('splitting: $splitting', ({ splitting }) => {
    let app: OpenPage<App>

    beforeAll(async () => {
      const files = await bundlePage(join(consumer.folder, 'app.js'), {
        minify: true,
        keepNames: false,
        sourcemap: false,
        splitting,
      })
      // gpu.js is imported lazily, so that splitting puts it into a chunk of its own.
      expect(files.size > 1).toBe(splitting)
      app = await openPage<App>(browser, files)
    })

    afterAll(() => app.close())

    test.each(['webgl2', 'webgpu'])('runs its kernels on %s', async (backend) => {
      const result = await app.call('compare', backend)
      expect(result.backend).toBe(backend)
      expect(result.handles).toBe(0)
      expect(Object.keys(result.answers).length).toBeGreaterThan(8)
      for (const [name, { onGpu, onCpu }] of Object.entries(result.answers)) {
        const scale = Math.max(...onCpu.map(Math.abs))
        onCpu.forEach((value, i) =>
          expect(Math.abs(onGpu[i]! - value), `${name}[${i}]`).toBeLessThan(1e-4 * scale),
        )
      }
    })
  })
})
