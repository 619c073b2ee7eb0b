import * as Plot from '@observablehq/plot'
import { JSDOM } from 'jsdom'
import { matmul, norm, rsvd, zeros } from '../src/index.js'
import type { Matrix } from '../src/index.js'
import { pictureOf } from '../scripts/docs/picture.js'
import { loadPhoto } from './data.js'
import { photoImage } from './images.js'

// The picture of the README: a photograph at three ranks and as it is.

const RANKS = [5, 20, 60]
const [WIDTH, GAP, CAPTION] = [340, 12, 30]

interface Panel {
  readonly caption: string
  readonly image: string
}

/** The text of an SVG file with the photographs in it. */
export function photographAtRanks(): string {
  const { width, height, channels } = loadPhoto()
  const all = Math.hypot(...channels.map((channel) => norm(channel)))
  const panels: Panel[] = RANKS.map((rank) => {
    const results = channels.map((channel) => rsvd(channel, { rank }))
    const error =
      Math.hypot(...results.map(({ errorEstimate }, c) => errorEstimate * norm(channels[c]!))) / all
    const kept = (rank * (width + height + 1)) / (width * height)
    return {
      caption: `rank ${rank}: ${percent(kept)} of the numbers, error ${percent(error)}`,
      image: image(results.map((result) => result.toDense())),
    }
  })
  panels.push({ caption: 'the photograph', image: image(channels) })
  const label = `A photograph of firs before snowy mountains, at ranks ${RANKS.join(', ')} and as it is: ${panels
    .map(({ caption }) => caption)
    .slice(0, -1)
    .join('; ')}`
  return pictureOf(drawing(panels, Math.round((WIDTH * height) / width)), label)
}

const percent = (x: number): string => `${(100 * x).toPrecision(2)} %`

function drawing(panels: readonly Panel[], height: number): Element {
  const at = panels.map((panel, i) => ({
    ...panel,
    x: GAP + (i % 2) * (WIDTH + GAP),
    y: GAP + Math.floor(i / 2) * (height + CAPTION + GAP),
  }))
  return Plot.plot({
    document: new JSDOM('').window.document,
    width: 2 * WIDTH + 3 * GAP,
    height: 2 * (height + CAPTION + GAP) + GAP,
    margin: 0,
    style: { fontSize: '15px' },
    x: { type: 'identity', axis: null },
    y: { type: 'identity', axis: null },
    marks: [
      Plot.image(at, {
        x: ({ x }: { x: number }) => x + WIDTH / 2,
        y: ({ y }: { y: number }) => y + height / 2,
        src: 'image',
        width: WIDTH,
        height,
      }),
      Plot.text(at, {
        x: 'x',
        y: ({ y }: { y: number }) => y + height + CAPTION / 2,
        text: 'caption',
        textAnchor: 'start',
      }),
    ],
  })
}

/** Of half the width and height, each pixel the mean of four: H·C·Hᵀ. */
function image(channels: readonly Matrix[]): string {
  const half = (C: Matrix): Matrix => {
    const [rows, cols] = [averaging(C.shape[0]! >> 1), averaging(C.shape[1]! >> 1)]
    return matmul(matmul(rows, C), cols, { transB: true })
  }
  return photoImage(channels.map(half), 80)
}

function averaging(n: number): Matrix {
  const H = zeros([n, 2 * n])
  for (let i = 0; i < n; i++) for (const j of [2 * i, 2 * i + 1]) H.set(i, j, 0.5)
  return H
}
