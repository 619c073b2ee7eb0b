import type { Browser, ElementHandle, Page } from 'playwright-core'

// A notebook in the real browser, and what is asked of every one: no cell throws, no plot or picture stays
// empty, everything that can be moved changes something, all code of the exercises runs.

export interface OpenNotebook {
  readonly page: Page
  /** What went wrong so far, in words: errors of cells, requests to elsewhere. */
  readonly failures: string[]
  close(): Promise<void>
}

/** Opens a notebook and waits until all of its cells have run. Requests to anywhere but `url` are refused. */
export async function openNotebook(browser: Browser, url: string): Promise<OpenNotebook> {
  const context = await browser.newContext({ viewport: { width: 1024, height: 800 } })
  const failures: string[] = []
  const { origin } = new URL(url)
  await context.route(
    ({ href }) => !href.startsWith(origin) && !/^(data|blob):/.test(href),
    (route) => {
      failures.push(`a request to ${route.request().url()}`)
      return route.abort()
    },
  )
  const page = await context.newPage()
  page.on('pageerror', (error) => failures.push(`an error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') failures.push(`the console: ${message.text()}`)
  })
  await page.goto(url)
  await settled(page)
  return { page, failures, close: () => context.close() }
}

/** Waits until no cell computes any more; support/state.ts keeps the attribute. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(
    () => /done|failed/.test(document.documentElement.dataset['state'] ?? ''),
    null,
    { timeout: 120_000 },
  )
}

/** Plots whose marks are missing or not finite, and pictures of one colour. */
export function emptyPictures(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const where = (element: Element) => element.closest('.observablehq--cell')?.id ?? '?'
    const plots = [...document.querySelectorAll('svg[class^=plot-]')].flatMap((svg) => {
      const marks = [...svg.querySelectorAll('g[aria-label]')].filter(
        (g) => !/axis|grid|^rule$/.test(g.getAttribute('aria-label')!),
      )
      const shapes = marks.flatMap((g) => [...g.querySelectorAll('path, circle, rect, line, text, image')])
      if (shapes.length === 0) return [`${where(svg)}: a plot without marks`]
      if (marks.some((g) => g.childElementCount === 0)) return [`${where(svg)}: a mark without data`]
      return /NaN|Infinity/.test(svg.outerHTML) ? [`${where(svg)}: a plot of NaN or Infinity`] : []
    })
    const unnamed = [...document.querySelectorAll('main svg[class^=plot-], main canvas, main img')]
      .filter((element) => !element.getAttribute('aria-label') && !element.getAttribute('alt'))
      .filter((element) => !element.closest('[class*=swatches], [class*=ramp], [aria-hidden=true]'))
      .map((element) => `${where(element)}: a picture without an alternative text`)
    const pictures = [...document.querySelectorAll('canvas')].flatMap((canvas) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
      return data.every((value, e) => value === data[e % 4])
        ? [`${where(canvas)}: a picture of one colour`]
        : []
    })
    return [...plots, ...unnamed, ...pictures]
  })
}

/**
 * Moves everything that can be moved, each to its farther end and back, or to all that it can be as long as that
 * changes nothing. Answers with what never changed anything.
 */
export async function idleControls(page: Page): Promise<string[]> {
  const idle: string[] = []
  // Moving a control may draw later ones anew, so they are counted off and not held.
  const count = (await controls(page)).length
  for (let i = 0; i < count; i++) {
    const control = (await controls(page))[i]!
    const { name, states, initial } = await control.evaluate(statesOf)
    const before = await outcome(page, control)
    let changed = false
    for (const state of states) {
      await move(page, i, state)
      changed = (await outcome(page, (await controls(page))[i]!)) !== before
      if (changed) break
    }
    if (!changed) idle.push(`'${name}' changes nothing`)
    if (initial !== null) await move(page, i, initial)
  }
  return idle
}

/** The inputs of a notebook; a slider's number field is the same input. */
function controls(page: Page): Promise<ElementHandle<HTMLElement>[]> {
  return page.$$(
    'main form:not(.playground) :is(input[type=range], input[type=checkbox], input[type=radio]:checked, input[type=text], select, button)',
  ) as Promise<ElementHandle<HTMLElement>[]>
}

/** What a control can be set to beside what it is. */
function statesOf(control: HTMLElement): { name: string; states: string[]; initial: string | null } {
  const name = control.closest('form')?.querySelector('label')?.textContent ?? control.textContent ?? ''
  const others = (all: string[], value: string) => ({
    name,
    states: all.filter((state) => state !== value),
    initial: value,
  })
  if (control instanceof HTMLSelectElement) {
    return others(
      [...control.options].map((option) => option.value),
      control.value,
    )
  }
  if (control instanceof HTMLInputElement) {
    if (control.type === 'range') {
      const [low, value, high] = [control.min, control.value, control.max].map(Number) as [
        number,
        number,
        number,
      ]
      const ends = [control.min, control.max]
      return others(high - value > value - low ? ends.reverse() : ends, control.value)
    }
    if (control.type === 'checkbox') return { name, states: ['click'], initial: 'click' }
    if (control.type === 'text') {
      return others(
        [...(control.list?.options ?? [])].map((option) => option.value),
        control.value,
      )
    }
    const radios = [...control.form!.querySelectorAll<HTMLInputElement>('input[type=radio]')]
    return others(
      radios.map((radio) => radio.value),
      control.value,
    )
  }
  return { name, states: ['click'], initial: null }
}

async function move(page: Page, i: number, state: string): Promise<void> {
  await (
    await controls(page)
  )[i]!.evaluate((control, state) => {
    if (state === 'click') return control.click()
    if (control instanceof HTMLInputElement && control.type === 'radio') {
      const radios = [...control.form!.querySelectorAll<HTMLInputElement>('input[type=radio]')]
      return radios.find((radio) => radio.value === state)!.click()
    }
    const field = control as HTMLInputElement | HTMLSelectElement
    field.value = state
    field.dispatchEvent(new Event('input', { bubbles: true }))
    if (control instanceof HTMLSelectElement) field.dispatchEvent(new Event('change', { bubbles: true }))
    if (control instanceof HTMLInputElement && control.type === 'text') control.form!.requestSubmit()
  }, state)
  await settled(page)
}

/** All that a reader sees but for the control's own cell and for times. */
function outcome(page: Page, control: ElementHandle<HTMLElement>): Promise<string> {
  return page.evaluate((control) => {
    const own = control.closest('.observablehq--cell')
    return [...document.querySelectorAll('main > .observablehq--cell')]
      .filter((cell) => cell !== own)
      .flatMap((cell) => [
        (cell.textContent ?? '').replace(/[\d.,]+\s*(ms|s|×)(?!\w)/g, ''),
        ...[...cell.querySelectorAll('svg')].map((svg) => svg.outerHTML),
        ...[...cell.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL()),
      ])
      .join('\n')
  }, control)
}

/** Runs the code of all exercises, solutions too. Answers with what failed or showed nothing. */
export async function brokenExercises(page: Page): Promise<string[]> {
  const broken: string[] = []
  for (const form of await page.$$('form.playground')) {
    await form.evaluate((form) => {
      form.closest('details')?.setAttribute('open', '')
      ;(form as HTMLFormElement).requestSubmit()
    })
    await page.waitForFunction(
      (form) => /ran|failed/.test((form as HTMLElement).dataset['state'] ?? ''),
      form,
      { timeout: 120_000 },
    )
    const { code, state, shown } = await form.evaluate((form) => ({
      code: form.querySelector('textarea')!.value,
      state: (form as HTMLElement).dataset['state'],
      shown: form.querySelector('output')!.textContent ?? '',
    }))
    if (state === 'failed' || shown.trim() === '' || /NaN|undefined/.test(shown)) {
      broken.push(`${code.split('\n', 1)[0]} …: ${shown || 'shows nothing'}`)
    }
  }
  return broken
}
