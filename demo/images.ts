import { encode } from 'jpeg-js'
import { PNG } from 'pngjs'
import type { Matrix } from '../src/index.js'
import { SIDE } from './data.js'

// Pictures as data URIs.

const byte = (x: number): number => Math.max(0, Math.min(255, Math.round(255 * x)))

/** A digit in ink on paper: 0 is white, 1 black. */
export function digitImage(pixels: Float64Array): string {
  return png(pixels, (value) => [1 - value, 1 - value, 1 - value])
}

/** Red where positive, blue where negative, white at zero; `limit` and beyond in full colour. */
export function divergingImage(pixels: ArrayLike<number>, limit: number): string {
  const [red, blue] = [
    [0.7, 0.09, 0.17],
    [0.13, 0.4, 0.67],
  ]
  return png(pixels, (value) => {
    const strength = Math.min(1, Math.abs(value) / limit)
    return (value > 0 ? red : blue).map((end) => 1 + strength * (end - 1))
  })
}

function png(pixels: ArrayLike<number>, colour: (value: number) => readonly number[]): string {
  const image = new PNG({ width: SIDE, height: SIDE })
  for (let i = 0; i < SIDE ** 2; i++) image.data.set([...colour(pixels[i]!).map(byte), 255], 4 * i)
  return `data:image/png;base64,${PNG.sync.write(image, { colorType: 2 }).toString('base64')}`
}

/** A photograph as JPEG of a quality whose own loss is far below that of the ranks shown. */
export function photoImage(channels: readonly Matrix[], quality = 88): string {
  const [height = 0, width = 0] = channels[0]!.shape
  const data = new Uint8Array(4 * width * height).fill(255)
  channels.forEach((channel, c) => {
    for (let i = 0; i < width * height; i++) data[4 * i + c] = byte(channel.data[i]!)
  })
  return `data:image/jpeg;base64,${encode({ data, width, height }, quality).data.toString('base64')}`
}
