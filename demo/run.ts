import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadDigits, loadPhoto } from './data.js'
import { analyseDigits } from './digits.js'
import { digitsOnGpu } from './gpu.js'
import { renderPage } from './page.js'
import { compressPhoto } from './photo.js'
import { watched } from './progress.js'
import { digitsTable, photoTable } from './tables.js'

export interface DemoOptions {
  /** How many of the 60,000 digits. */
  readonly digits: number
  /** Principal components. */
  readonly rank: number
  readonly photoRanks: readonly number[]
  /** The folder that index.html is written to. */
  readonly out: string
  readonly say: (line: string) => void
}

/** Runs both parts, prints their numbers, writes the page and answers with its path. */
export async function runDemo({ digits: count, rank, photoRanks, out, say }: DemoOptions): Promise<string> {
  const data = loadDigits(count)
  say(`${count.toLocaleString('en')} handwritten digits of ${data.X.shape[1]} pixels, PCA of rank ${rank}`)
  const digits = await analyseDigits(data, rank)
  say(digitsTable(digits))

  const gpu = await watched('GPU', (onProgress) => digitsOnGpu(data.X, digits, onProgress))
  say(gpu.line)

  const picture = loadPhoto()
  say(`\nA photograph of ${picture.width} × ${picture.height} pixels, one rsvd per colour channel`)
  const photo = await compressPhoto(picture, photoRanks)
  say(photoTable(photo))

  mkdirSync(out, { recursive: true })
  const file = join(out, 'index.html')
  writeFileSync(file, renderPage({ digits, gpu, photo }))
  return file
}
