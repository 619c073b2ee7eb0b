import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildNotebooks, notebookNames } from '../../scripts/docs/notebooks.js'
import { serveFolder } from '../../scripts/docs/serve.js'
import { browserSupported, launchChromium } from '../support/chromium.js'
import { sticksOut } from '../support/looks.js'
import {
  brokenExercises,
  emptyPictures,
  idleControls,
  openNotebook,
  photographPage,
  settled,
} from './notebook.js'
import type { OpenNotebook } from './notebook.js'

// Every notebook is built on the built package and run to its end. Its pictures are kept in docs/notebooks/out.

const root = fileURLToPath(new URL('../..', import.meta.url))
const pictures = join(root, 'docs/notebooks/out')

describe.skipIf(!browserSupported())('notebooks', { timeout: 240_000 }, () => {
  const site = mkdtempSync(join(tmpdir(), 'lowrank-notebooks-'))
  let browser: Browser
  let context: BrowserContext
  let server: Awaited<ReturnType<typeof serveFolder>>

  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true })
    await buildNotebooks(site)
    server = await serveFolder(site)
    browser = await launchChromium()
    // One for all: what they share is compiled once.
    context = await browser.newContext({ viewport: { width: 1024, height: 800 } })
  }, 240_000)

  afterAll(async () => {
    await browser.close()
    await server.close()
    rmSync(site, { recursive: true })
  })

  describe.each(notebookNames())('%s', (name) => {
    let notebook: OpenNotebook

    beforeAll(async () => {
      notebook = await openNotebook(context, `${server.url}${name}.html`)
    }, 240_000)

    afterAll(async () => {
      await notebook.close()
    })

    test('runs to its end, draws something in each picture, and asks nobody else', async () => {
      await photographPage(notebook.page, join(pictures, name))
      expect(notebook.failures).toEqual([])
      expect(await emptyPictures(notebook.page)).toEqual([])
    })

    test('everything that can be moved changes something', async () => {
      expect(await idleControls(notebook.page)).toEqual([])
      expect(notebook.failures).toEqual([])
      expect(await emptyPictures(notebook.page)).toEqual([])
    })

    test('the code of its exercises runs', async () => {
      const solutions = await notebook.page.$$('details form.playground')
      expect(solutions.length).toBeGreaterThanOrEqual(2)
      expect(await brokenExercises(notebook.page)).toEqual([])
    })

    test('can be read on a phone, in the dark', async () => {
      const { page } = notebook
      await page.emulateMedia({ colorScheme: 'dark' })
      await page.setViewportSize({ width: 390, height: 800 })
      // The plots learn of the new width in the frame that comes.
      await page.evaluate(
        () => new Promise((frame) => requestAnimationFrame(() => requestAnimationFrame(frame))),
      )
      await settled(page)
      await photographPage(page, join(pictures, `${name}-phone`))
      expect(await sticksOut(page)).toEqual([])
    })
  })
})
