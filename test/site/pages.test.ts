import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveFolder } from '../../scripts/docs/serve.js'
import { browserSupported, launchChromium } from '../support/chromium.js'
import { brokenPictures, faintTexts, sticksOut } from '../support/looks.js'

// The built site as a reader has it: every link of every page is followed in the files, every page of prose and some of the
// reference are opened on a phone, with nothing else within reach.

const site = fileURLToPath(new URL('../../site', import.meta.url))
if (!existsSync(join(site, 'index.html'))) throw new Error('there is no site to check: npm run docs')

const files = readdirSync(site, { recursive: true, encoding: 'utf8' })
const pages = files.filter((file) => file.endsWith('.html'))
const prose = pages.filter((page) => !/^(api|notebooks)\//.test(page))
const reference = [
  'api/index.html',
  'api/factorize/index.html',
  'api/factorize/variables/rsvd.html',
  'api/gpu/classes/Gpu.html',
]

describe('links', () => {
  const texts = new Map(pages.map((page) => [page, readFileSync(join(site, page), 'utf8')]))
  const attributes = (text: string, tag: string, name: string): string[] =>
    [...text.matchAll(new RegExp(`<${tag}\\b[^>]*?\\s${name}="([^"]*)"`, 'g'))].map(([, value = '']) =>
      value.replaceAll('&amp;', '&').replaceAll('&#39;', "'").replaceAll('&quot;', '"'),
    )
  const anchors = new Map([...texts].map(([page, text]) => [page, new Set(attributes(text, '\\w+', 'id'))]))

  /** What is wrong with a link from a page; undefined where nothing is. */
  function broken(page: string, link: string): string | undefined {
    const here = new URL(page, 'http://site/')
    const { host, protocol, pathname, hash } = new URL(link, here)
    if (host !== here.host) return protocol === 'https:' ? undefined : `${link} is not of https`
    const path = decodeURIComponent(pathname).slice(1)
    const file = path === '' || path.endsWith('/') ? `${path}index.html` : path
    if (!existsSync(join(site, file)) || statSync(join(site, file)).isDirectory())
      return `${link} leads nowhere`
    const anchor = decodeURIComponent(hash.slice(1))
    if (anchor !== '' && anchors.get(file)?.has(anchor) !== true) return `${link}: there is no such place`
    return undefined
  }

  test('every link to the site leads to a page and a place that are there', () => {
    let links = 0
    const wrong = [...texts].flatMap(([page, text]) =>
      attributes(text, 'a', 'href').flatMap((link) => {
        links++
        const why = broken(page, link)
        return why === undefined ? [] : [`${page}: ${why}`]
      }),
    )
    expect(wrong).toEqual([])
    expect(links).toBeGreaterThan(1000)
  })
})

describe.skipIf(!browserSupported())('in Chromium', () => {
  let browser: Browser
  let context: BrowserContext
  let server: Awaited<ReturnType<typeof serveFolder>>

  beforeAll(async () => {
    server = await serveFolder(site)
    browser = await launchChromium()
    context = await browser.newContext()
  })

  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  interface Opened {
    readonly page: Page
    readonly failures: string[]
  }

  /** Windows of a phone's width that have nothing to do. */
  const idle: Opened[] = []

  /** A window in which requests to elsewhere, errors and what is not found are failures. */
  async function open(width: number): Promise<Opened> {
    const page = await context.newPage()
    await page.setViewportSize({ width, height: 740 })
    const failures: string[] = []
    await page.route(
      ({ href }) => !href.startsWith(server.url) && !/^(data|blob):/.test(href),
      (route) => {
        failures.push(`a request to ${route.request().url()}`)
        return route.abort()
      },
    )
    page.on('pageerror', (error) => failures.push(`an error: ${error.message}`))
    page.on('response', (response) => {
      if (response.status() >= 400) failures.push(`${response.status()} for ${response.url()}`)
    })
    page.on('console', (message) => {
      if (message.type() === 'error') failures.push(`the console: ${message.text()}`)
    })
    return { page, failures }
  }

  /** Until VitePress has taken the page over. */
  async function goto(page: Page, path: string): Promise<void> {
    await page.goto(server.url + path)
    await page.waitForFunction(() => '__vue_app__' in document.querySelector('#app')!)
  }

  test.concurrent.each([...prose, ...reference])('%s', async (path) => {
    const opened = idle.pop() ?? (await open(360))
    const { page, failures } = opened
    await page.emulateMedia({ colorScheme: 'dark' })
    await goto(page, path)
    expect(await brokenPictures(page)).toEqual([])
    expect(await sticksOut(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.className)).toContain('dark')
    expect(await faintTexts(page)).toEqual([])
    await page.emulateMedia({ colorScheme: 'light' })
    await page.waitForFunction(() => !document.documentElement.classList.contains('dark'))
    expect(await faintTexts(page)).toEqual([])
    expect(failures).toEqual([])
    idle.push(opened)
  })

  test('notebooks are dark where the site was switched to dark, and light where to light', async () => {
    const { page, failures } = await open(1280)
    await page.emulateMedia({ colorScheme: 'dark' })
    const switched = async () => {
      await goto(page, 'notebooks.html')
      await page.locator('.VPNavBarAppearance .VPSwitchAppearance').click()
      await page.locator('.vp-doc a[href$="tucker.html"]').click()
      await page.waitForURL('**/notebooks/tucker.html')
      return page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)
    }
    expect(await switched()).toBe('light')
    await page.emulateMedia({ colorScheme: 'light' })
    expect(await switched()).toBe('dark')
    expect(failures).toEqual([])
    await page.close()
  })
})
