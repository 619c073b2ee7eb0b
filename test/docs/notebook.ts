import type { BrowserContext, ElementHandle, Page } from 'playwright-core'

// A notebook in the real browser, and what is asked of every one: no cell throws, no plot or picture stays
// empty, everything that can be moved changes something, all code of the exercises runs.

export interface OpenNotebook {
  readonly page: Page
  /** What went wrong so far, in words: errors of cells, requests to elsewhere. */
  readonly failures: string[]
  close(): Promise<void>
}

/** Opens a notebook and waits until all of its cells have run. Requests to anywhere but `url` are refused. */
export async function openNotebook(context: BrowserContext, url: string): Promise<OpenNotebook> {
  const page = await context.newPage()
  const failures: string[] = []
  const { origin } = new URL(url)
  await page.route(
    ({ href }) => !href.startsWith(origin) && !/^(data|blob):/.test(href),
    (route) => {
      failures.push(`a request to ${route.request().url()}`)
      return route.abort()
    },
  )
  page.on('pageerror', (error) => failures.push(`an error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') failures.push(`the console: ${message.text()}`)
  })
  await page.goto(url)
  await settled(page)
  return { page, failures, close: () => page.close() }
}

/** Waits until no cell computes any more; support/state.ts keeps the attribute. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(
    () => /done|failed/.test(document.documentElement.dataset['state'] ?? ''),
    null,
    { timeout: 120_000 },
  )
}

/**
 * Writes pictures of the whole page, `path`-1.png and so on from top to bottom: one of a page above 8192 px, the height of a
 * texture, would be wrong.
 */
export async function photographPage(page: Page, path: string): Promise<void> {
  const { width, height } = await page.evaluate(() => {
    const { scrollWidth, scrollHeight } = document.documentElement
    return { width: scrollWidth, height: scrollHeight }
  })
  for (let top = 0, part = 1; top < height; top += 4000, part++) {
    const clip = { x: 0, y: top, width, height: Math.min(4000, height - top) }
    await page.screenshot({ path: `${path}-${part}.png`, fullPage: true, clip })
  }
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
 * Moves everything that can be moved, one after the other, each to its farther end, or to all that it can be as long as that
 * changes nothing; what changes nothing then is tried once more with all others where they were. In the end everything goes back.
 * Answers with what never changed anything, and with what is not as before.
 */
export async function idleControls(page: Page): Promise<string[]> {
  const initial = await outcome(page)
  const moved: [control: number, value: string][] = []
  const idle: string[] = []

  async function putBack(): Promise<Cell[]> {
    for (const [i, value] of moved.splice(0)) await move(page, i, value)
    return outcome(page)
  }
  async function changes(
    i: number,
    { cell, states, initial: value }: Movable,
    before: Cell[],
  ): Promise<boolean> {
    if (value !== null) moved.push([i, value])
    for (const state of states) {
      await move(page, i, state)
      if (differences(before, await outcome(page)).some((id) => id !== cell)) return true
    }
    return false
  }

  // Moving a control may draw later ones anew, so they are counted off and not held.
  const count = (await controls(page)).length
  for (let i = 0; i < count; i++) {
    const control = await (await controls(page))[i]!.evaluate(statesOf)
    if (await changes(i, control, await outcome(page))) continue
    if (!(await changes(i, control, await putBack()))) idle.push(`'${control.name}' changes nothing`)
  }
  const other = differences(initial, await putBack())
  return [...idle, ...other.map((id) => `${id} is not as before when all is moved back`)]
}

/** The inputs of a notebook; a slider's number field is the same input. */
function controls(page: Page): Promise<ElementHandle<HTMLElement>[]> {
  return page.$$(
    'main form:not(.playground) :is(input[type=range], input[type=checkbox], input[type=radio]:checked, input[type=text], select, button)',
  ) as Promise<ElementHandle<HTMLElement>[]>
}

interface Movable {
  readonly name: string
  /** The id of its cell. */
  readonly cell: string | undefined
  readonly states: string[]
  /** Null where there is no way back. */
  readonly initial: string | null
}

/** What a control can be set to beside what it is. */
function statesOf(control: HTMLElement): Movable {
  const name = control.closest('form')?.querySelector('label')?.textContent ?? control.textContent ?? ''
  const cell = control.closest('.observablehq--cell')?.id
  const others = (all: string[], value: string) => ({
    name,
    cell,
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
    if (control.type === 'checkbox') return { name, cell, states: ['click'], initial: 'click' }
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
  return { name, cell, states: ['click'], initial: null }
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
}

interface Cell {
  readonly id: string
  /** A checksum of all that a reader sees of it but for times. */
  readonly print: number
}

/** The cells that are not the same. */
const differences = (before: readonly Cell[], after: readonly Cell[]): string[] =>
  after.filter(({ print }, i) => print !== before[i]?.print).map(({ id }) => id)

/** Every cell, once it has come to rest. */
async function outcome(page: Page): Promise<Cell[]> {
  await settled(page)
  return page.evaluate(() => {
    // FNV-1a, by Fowler, Noll and Vo.
    const mixed = (print: number, value: number) => Math.imul(print ^ value, 0x01000193)
    const ofText = (print: number, text: string) => {
      for (let i = 0; i < text.length; i++) print = mixed(print, text.charCodeAt(i))
      return print
    }
    const ofPicture = (print: number, canvas: HTMLCanvasElement) =>
      new Uint32Array(
        canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height).data.buffer,
      ).reduce(mixed, print)
    return [...document.querySelectorAll('main > .observablehq--cell')].map((cell) => {
      const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT)
      let words = ''
      while (texts.nextNode()) words += `${texts.currentNode.textContent} `
      words = words.replace(/[\d.,]+\s*(ms|s|×)(?!\w)/g, '')
      // Plot numbers its clips, anew in each plot.
      const plots = [...cell.querySelectorAll('svg')]
        .map((svg) => svg.outerHTML.replace(/plot-clip-\d+/g, ''))
        .join('')
      return {
        id: cell.id,
        print: [...cell.querySelectorAll('canvas')].reduce(ofPicture, ofText(0, words + plots)),
      }
    })
  })
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
