import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { matmul, matrix, transpose, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'

// A network that somebody trained: the face recognition of `@vladmandic/face-api` (MIT), a residual network after King's
// in dlib, whose weights come with the package: floats in the convolutions of 64 channels, a byte each in the others. It
// is run here as it is published, and back, so that each layer can be shown with its own inputs and gradients.

/** Pixels along a side of the images that the network is made for. */
export const SIDE = 150
/** What is taken off red, green and blue of 0 to 255. */
const MEANS = [122.782, 117.001, 104.298]

/** A square picture: a channel to a row, a pixel to a column. */
interface FeatureMap {
  readonly values: Matrix
  readonly side: number
}

/** What an operation answers with, and how the gradient of that becomes the gradient of its operand. */
interface Step extends FeatureMap {
  back(d: Matrix): Matrix
}

/** What a layer y = W·x sees of an image, a position to a column: its inputs, and the gradients of its outputs. */
interface Seen {
  readonly X: Matrix
  readonly D: Matrix
}

export interface FaceNetwork {
  /** W of a layer, 'conv64_1/conv2' or 'fc': out × in, and out × (height·width·in) of a convolution. */
  layer(name: string): Matrix
  /** What these layers see of an image, 3 × 150² in [0, 1]; gradients are those of probeᵀ·(its 128 numbers). */
  seen(image: Matrix, probe: Matrix, names: readonly string[]): ReadonlyMap<string, Seen>
}

interface Entry {
  readonly name: string
  readonly shape: readonly number[]
  /** Of an array in bytes: value = byte·scale + min. */
  readonly quantization?: { readonly scale: number; readonly min: number }
}

/** All arrays by name, as doubles. A row of a matrix is what makes one output. */
function readArrays(): ReadonlyMap<string, Matrix> {
  const folder = dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'))
  const bytes = readFileSync(join(folder, 'model/face_recognition_model.bin'))
  const manifest = readFileSync(join(folder, 'model/face_recognition_model-weights_manifest.json'), 'utf8')
  const [{ weights }] = JSON.parse(manifest) as [{ readonly weights: readonly Entry[] }]
  let at = 0
  return new Map(
    weights.map(({ name, shape, quantization }) => {
      const size = shape.reduce((product, side) => product * side, 1)
      const values = new Float64Array(size)
      for (let e = 0; e < size; e++, at += quantization ? 1 : 4) {
        values[e] = quantization ? bytes[at]! * quantization.scale + quantization.min : bytes.readFloatLE(at)
      }
      const outputs = shape.at(-1)!
      return [name, matrix(transpose(matrix(values, [size / outputs, outputs])))]
    }),
  )
}

export function faceNetwork(): FaceNetwork {
  const arrays = readArrays()
  const layer = (name: string): Matrix => arrays.get(name === 'fc' ? name : `${name}/conv/filters`)!
  let watched = new Map<string, { X?: Matrix; D?: Matrix }>()

  function linear(name: string, X: Matrix, side: number): Step {
    const [W, seen] = [layer(name), watched.get(name)]
    if (seen) seen.X = X
    return {
      values: matmul(W, X),
      side,
      back(D) {
        if (seen) seen.D = D
        return matmul(W, D, { transA: true })
      },
    }
  }

  /** s·(W·x + b) + c, and ReLU. Of stride 1 it is padded and keeps the side. */
  function convolution(x: FeatureMap, name: string, stride: number, relu = true): Step {
    const width = Math.sqrt(layer(name).shape[1]! / x.values.shape[0]!)
    const patches = patchesOf(x.side, width, stride, stride === 1 ? (width - 1) / 2 : 0)
    const { values, side, back } = linear(name, gathered(x, patches), patches.side)
    const [b, s, c] = ['conv/bias', 'scale/weights', 'scale/biases'].map(
      (part) => arrays.get(`${name}/${part}`)!.data,
    ) as [Float64Array, Float64Array, Float64Array]
    const positions = side ** 2
    const y = mapped(values, (v, e) => {
      const i = Math.floor(e / positions)
      const z = s[i]! * (v + b[i]!) + c[i]!
      return relu ? Math.max(0, z) : z
    })
    return {
      values: y,
      side,
      back(d) {
        const D = mapped(d, (v, e) => (relu && y.data[e] === 0 ? 0 : v * s[Math.floor(e / positions)]!))
        return scattered(back(D), x, patches)
      },
    }
  }

  /** ReLU(two convolutions of x + x). Of stride 2 x counts by means of 2 × 2, and what one of the two lacks is 0. */
  function residual(x: FeatureMap, name: string, stride = 1): Step {
    const first = convolution(x, `${name}/conv1`, stride)
    const second = convolution(first, `${name}/conv2`, 1, false)
    const short: Step = stride === 1 ? { ...x, back: (d) => d } : pooled(x, 2, 'mean')
    const [channels, side] = [second.values.shape[0]!, Math.max(second.side, short.side)]
    const straight = resized(short, channels, side)
    const y = mapped(resized(second, channels, side), (v, e) => Math.max(0, v + straight.data[e]!))
    return {
      values: y,
      side,
      back(d) {
        const values = mapped(d, (v, e) => (y.data[e] === 0 ? 0 : v))
        const toward = (part: FeatureMap): Matrix =>
          resized({ values, side }, part.values.shape[0]!, part.side)
        const around = short.back(toward(short))
        return mapped(first.back(second.back(toward(second))), (v, e) => v + around.data[e]!)
      },
    }
  }

  const blocks: ((x: FeatureMap) => Step)[] = [
    (x) => convolution(x, 'conv32_down', 2),
    (x) => pooled(x, 3, 'max'),
    ...[1, 2, 3].map((i) => (x: FeatureMap) => residual(x, `conv32_${i}`)),
    (x) => residual(x, 'conv64_down', 2),
    ...[1, 2, 3].map((i) => (x: FeatureMap) => residual(x, `conv64_${i}`)),
    (x) => residual(x, 'conv128_down', 2),
    ...[1, 2].map((i) => (x: FeatureMap) => residual(x, `conv128_${i}`)),
    (x) => residual(x, 'conv256_down', 2),
    ...[1, 2].map((i) => (x: FeatureMap) => residual(x, `conv256_${i}`)),
    (x) => residual(x, 'conv256_down_out', 2),
    // The mean over positions comes before it there, which is the same.
    (x) => linear('fc', x.values, x.side),
  ]

  return {
    layer,
    seen(image, probe, names) {
      watched = new Map(names.map((name) => [name, {}]))
      const values = mapped(image, (v, e) => v - MEANS[Math.floor(e / SIDE ** 2)]! / 255)
      let y: FeatureMap = { values, side: SIDE }
      const backs = blocks.map((block) => {
        const step = block(y)
        y = step
        return step.back
      })
      const mean = matrix([Array.from({ length: y.side ** 2 }, () => 1 / y.side ** 2)])
      backs.reduceRight((d, back) => back(d), matmul(probe, mean))
      return watched as ReadonlyMap<string, Seen>
    },
  }
}

function mapped(A: Matrix, f: (value: number, e: number) => number): Matrix {
  const out = zeros(A.shape)
  for (let e = 0; e < out.size; e++) out.data[e] = f(A.data[e]!, e)
  return out
}

/** Square neighbourhoods: for each place in them, and each that there are side² of, the pixel, or −1 outside. */
interface Patches {
  readonly side: number
  readonly pixels: Int32Array
}

function patchesOf(from: number, width: number, stride: number, margin: number): Patches {
  const side = Math.floor((from + 2 * margin - width) / stride) + 1
  const pixels = new Int32Array(width ** 2 * side ** 2)
  for (let e = 0; e < pixels.length; e++) {
    const [place, position] = [Math.floor(e / side ** 2), e % side ** 2]
    const i = Math.floor(position / side) * stride + Math.floor(place / width) - margin
    const j = (position % side) * stride + (place % width) - margin
    pixels[e] = i < 0 || j < 0 || i >= from || j >= from ? -1 : i * from + j
  }
  return { side, pixels }
}

/** Neighbourhoods as columns, in the order row, column, channel. */
function gathered({ values }: FeatureMap, { pixels, side }: Patches): Matrix {
  const [[channels = 0, size = 0], positions] = [values.shape, side ** 2]
  const out = zeros([(pixels.length / positions) * channels, positions])
  for (let from = 0, row = 0; from < pixels.length; from += positions) {
    for (let start = 0; start < channels * size; start += size, row += positions) {
      for (let t = 0; t < positions; t++) {
        const pixel = pixels[from + t]!
        if (pixel >= 0) out.data[row + t] = values.data[start + pixel]!
      }
    }
  }
  return out
}

/** The adjoint of `gathered`. */
function scattered({ data }: Matrix, { values }: FeatureMap, { pixels, side }: Patches): Matrix {
  const [[channels = 0, size = 0], positions] = [values.shape, side ** 2]
  const out = zeros([channels, size])
  for (let from = 0, row = 0; from < pixels.length; from += positions) {
    for (let start = 0; start < channels * size; start += size, row += positions) {
      for (let t = 0; t < positions; t++) {
        const pixel = pixels[from + t]!
        if (pixel >= 0) out.data[start + pixel]! += data[row + t]!
      }
    }
  }
  return out
}

/** Maxima or means of squares of this width, two pixels apart. */
function pooled(x: FeatureMap, width: number, what: 'max' | 'mean'): Step {
  const patches = patchesOf(x.side, width, 2, 0)
  const all = gathered(x, patches)
  const [channels, places] = [x.values.shape[0]!, width ** 2]
  const y = zeros([channels, patches.side ** 2])
  if (what === 'max') y.data.fill(-Infinity)
  for (let e = 0; e < all.size; e++) {
    const [o, v] = [e % y.size, all.data[e]!]
    y.data[o] = what === 'max' ? Math.max(y.data[o]!, v) : y.data[o]! + v / places
  }
  return {
    values: y,
    side: patches.side,
    back(d) {
      const shares = mapped(all, (v, e) => {
        const o = e % y.size
        return d.data[o]! * (what === 'mean' ? 1 / places : Number(v === y.data[o]))
      })
      return scattered(shares, x, patches)
    },
  }
}

/** As many channels, and rows and columns of pixels: cut, or filled up with 0. */
function resized({ values, side }: FeatureMap, channels: number, to: number): Matrix {
  if (values.shape[0] === channels && side === to) return values
  const out = zeros([channels, to ** 2])
  const [both, width] = [Math.min(channels, values.shape[0]!), Math.min(side, to)]
  for (let c = 0; c < both; c++) {
    for (let i = 0; i < width; i++) {
      const from = c * side ** 2 + i * side
      out.data.set(values.data.subarray(from, from + width), c * to ** 2 + i * to)
    }
  }
  return out
}
