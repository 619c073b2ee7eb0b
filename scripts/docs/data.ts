import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadDigits, loadPhoto } from '../../demo/data.js'

// The data of the notebooks: small extracts of npm packages, written as bytes for docs/notebooks/support/data.ts
// to fetch. One entry for each file.

const files: Record<string, () => Uint8Array> = {
  'digits.bin': () => Uint8Array.from(loadDigits(2000).X.data, (x) => Math.round(255 * x)),
  'labels.bin': () => loadDigits(2000).labels,
  'photograph.bin': halfPhotograph,
}

/** Writes every file into `folder`. */
export function writeNotebookData(folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, make] of Object.entries(files)) writeFileSync(join(folder, name), make())
}

/** In shades of grey and half its width and height: each pixel is the mean of four, of three colours. */
function halfPhotograph(): Uint8Array {
  const { width, height, channels } = loadPhoto()
  const [w, h] = [width >> 1, height >> 1]
  const bytes = new Uint8Array(w * h)
  for (let i = 0; i < h; i++) {
    for (let j = 0; j < w; j++) {
      let sum = 0
      for (const channel of channels) {
        for (const [r, c] of CORNERS) sum += channel.get(2 * i + r, 2 * j + c)
      }
      bytes[i * w + j] = Math.round((255 * sum) / (CORNERS.length * channels.length))
    }
  }
  return bytes
}

const CORNERS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const
