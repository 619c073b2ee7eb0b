import type { Matrix } from 'lowrank'

// Matrices as pictures.

export interface PictureOptions {
  /** What someone who does not see it should know. */
  readonly alt: string
  /** The values drawn black and white; the smallest and the largest entry by default. */
  readonly domain?: readonly [number, number]
  /** CSS pixels per entry. */
  readonly scale?: number
  readonly caption?: string
}

/** A matrix as a grey picture, one pixel per entry, in a figure. */
export function picture(A: Matrix, { alt, domain, scale = 1, caption }: PictureOptions): HTMLElement {
  const [m = 0, n = 0] = A.shape
  const values = new Float64Array(m * n)
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) values[i * n + j] = A.get(i, j)
  const [low, high] = domain ?? extent(values)
  const canvas = document.createElement('canvas')
  canvas.width = n
  canvas.height = m
  canvas.style.width = `${n * scale}px`
  canvas.style.imageRendering = scale > 1 ? 'pixelated' : 'auto'
  canvas.setAttribute('role', 'img')
  canvas.setAttribute('aria-label', alt)
  const context = canvas.getContext('2d')!
  const image = context.createImageData(n, m)
  for (let e = 0; e < m * n; e++) {
    const grey = (255 * (values[e]! - low)) / (high - low || 1) // a Uint8ClampedArray clamps and rounds
    image.data.fill(grey, 4 * e, 4 * e + 3)
    image.data[4 * e + 3] = 255
  }
  context.putImageData(image, 0, 0)
  return figure(canvas, caption)
}

/** Row i of X as a picture of the given shape, e.g. a digit. */
export function rowPicture(
  X: Matrix,
  i: number,
  [height, width]: readonly [number, number],
  options: PictureOptions,
): HTMLElement {
  const row = X.pick(i, null)
  const square = { shape: [height, width], get: (r: number, c: number) => row.get(r * width + c) }
  return picture(square as unknown as Matrix, options)
}

/** Things beside each other, in rows that break where the window ends. */
export function beside(...things: readonly Node[]): HTMLElement {
  const div = document.createElement('div')
  div.className = 'beside'
  div.append(...things)
  return div
}

function figure(content: Node, caption: string | undefined): HTMLElement {
  const figure = document.createElement('figure')
  figure.append(content)
  if (caption !== undefined) {
    figure.append(Object.assign(document.createElement('figcaption'), { textContent: caption }))
  }
  return figure
}

function extent(values: Float64Array): [number, number] {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  return [low, high]
}
