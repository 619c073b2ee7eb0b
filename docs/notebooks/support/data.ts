import { matrix } from 'lowrank'
import type { Matrix } from 'lowrank'

// The data of the notebooks, small extracts that scripts/docs/data.ts takes from npm packages at build time.

async function bytes(name: string): Promise<Uint8Array> {
  const response = await fetch(new URL(`data/${name}`, document.baseURI))
  if (!response.ok) throw new Error(`data/${name}: ${response.status} ${response.statusText}`)
  return new Uint8Array(await response.arrayBuffer())
}

const unit = (data: Uint8Array): Float64Array => Float64Array.from(data, (byte) => byte / 255)

export interface Digits {
  /** One digit per row, 784 pixels in [0, 1], 0 the background. */
  readonly X: Matrix
  readonly labels: Uint8Array
}

/** The first `count` (at most 2000) of MNIST's digits (LeCun, Cortes, Burges). */
export async function digits(count = 1000): Promise<Digits> {
  const [pixels, labels] = await Promise.all([bytes('digits.bin'), bytes('labels.bin')])
  return {
    X: matrix(unit(pixels.subarray(0, count * 784)), [count, 784]),
    labels: labels.subarray(0, count),
  }
}

/** Adolphe Braun, "Alpine Landscape", about 1865–1870: 242 × 512 shades of grey in [0, 1]. */
export async function photograph(): Promise<Matrix> {
  return matrix(unit(await bytes('photograph.bin')), [242, 512])
}
