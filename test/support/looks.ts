import type { Page } from 'playwright-core'

// What can be told of a page's looks without looking: each answers with what is wrong, in words.

/** Which elements stick out to the right of the window, and are not in a box of their own that scrolls. */
export function sticksOut(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const wide = document.documentElement.scrollWidth - window.innerWidth
    const whole = wide > 0 ? [`the page is ${wide} px wider than its window`] : []
    const within = (element: Element): boolean => {
      for (let box = element.parentElement; box !== null; box = box.parentElement) {
        if (getComputedStyle(box).overflowX !== 'visible') return true
      }
      return false
    }
    const elements = [...document.body.querySelectorAll('*')]
      .filter((element) => {
        const { right, width } = element.getBoundingClientRect()
        return width > 1 && right > window.innerWidth + 1 && !within(element)
      })
      .map((element) => `<${element.localName} class="${element.getAttribute('class') ?? ''}"> sticks out`)
    return [...whole, ...elements]
  })
}

/** Pictures without an alternative text, or that do not load. */
export function brokenPictures(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const broken: string[] = []
    for (const picture of document.images) {
      if (!picture.alt) broken.push(`${picture.src} has no alternative text`)
      picture.loading = 'eager'
      await picture.decode().catch(() => broken.push(`${picture.src} does not load`))
    }
    return broken
  })
}

/**
 * Text below the contrast of the Web Content Accessibility Guidelines, level AA: 4.5 : 1, and 3 : 1 where it is large. Backgrounds
 * are the colours of what is around a text; pictures do not count.
 */
export function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Colour = readonly [number, number, number, number]
    const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext(
      '2d',
      {
        willReadFrequently: true,
      },
    )!
    const known = new Map<string, Colour>()
    const colour = (css: string): Colour => {
      let found = known.get(css)
      if (found === undefined) {
        context.clearRect(0, 0, 1, 1)
        context.fillStyle = css
        context.fillRect(0, 0, 1, 1)
        const [r = 0, g = 0, b = 0, a = 0] = context.getImageData(0, 0, 1, 1).data
        found = [r, g, b, a / 255]
        known.set(css, found)
      }
      return found
    }
    const over = ([r, g, b, a]: Colour, [R, G, B]: Colour): Colour => [
      a * r + (1 - a) * R,
      a * g + (1 - a) * G,
      a * b + (1 - a) * B,
      1,
    ]
    const background = (element: Element | null): Colour => {
      if (element === null) return [255, 255, 255, 1]
      const own = colour(getComputedStyle(element).backgroundColor)
      return own[3] === 1 ? own : over(own, background(element.parentElement))
    }
    const luminance = (rgb: Colour): number => {
      const [r, g, b] = rgb.slice(0, 3).map((value) => {
        const x = value / 255
        return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4
      }) as [number, number, number]
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    const faint = new Set<string>()
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
      const text = texts.currentNode.textContent!.trim()
      const element = texts.currentNode.parentElement!
      if (text === '' || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
        continue
      const style = getComputedStyle(element)
      const behind = background(element)
      const ink = colour(element instanceof SVGElement ? style.fill : style.color)
      const [light, dark] = [luminance(over(ink, behind)), luminance(behind)].sort((x, y) => y - x) as [
        number,
        number,
      ]
      const contrast = (light + 0.05) / (dark + 0.05)
      const size = parseFloat(style.fontSize)
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
      if (contrast < (large ? 3 : 4.5)) {
        faint.add(
          `${contrast.toFixed(1)} : 1 of ${style.color} in <${element.localName} class="${element.getAttribute('class') ?? ''}">: ${text.slice(0, 40)}`,
        )
      }
    }
    return [...faint]
  })
}
