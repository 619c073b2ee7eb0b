import * as Plot from '@observablehq/plot'
import { JSDOM } from 'jsdom'
import { expect, test } from 'vitest'
import { loadPhoto } from '../demo/data.js'
import { minus } from '../proptests/support/measures.js'
import { gram, matmul, matrix, random, zeros } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { compression } from '../src/recipes/index.js'
import { SIDE, faceNetwork } from './support/facenetwork.js'
import { record } from './support/record.js'
import { aboutTime, cpuSeconds } from './support/seconds.js'

const LAYERS = ['conv32_down', 'conv32_2/conv1', 'conv64_2/conv1', 'conv128_down/conv1', 'fc']
const BUDGETS = [0.25, 0.5, 0.75]
const [CALIBRATION, OTHERS] = [24, 8]

/** A square of the photograph, a channel to a row. */
function square(photo: readonly Matrix[], top: number, left: number): Matrix {
  const pixels = zeros([3, SIDE ** 2])
  for (let e = 0; e < pixels.size; e++) {
    const [channel, place] = [Math.floor(e / SIDE ** 2), e % SIDE ** 2]
    pixels.data[e] = photo[channel]!.get(top + Math.floor(place / SIDE), left + (place % SIDE))
  }
  return pixels
}

interface LayerData {
  readonly W: Matrix
  /** Of the calibration: XXᵀ, and the mean square of an image's gradient of W. */
  readonly statistics: { readonly gram: Matrix; readonly fisher: Matrix }
  /** XXᵀ of squares that no compression sees. */
  readonly others: Matrix
}

/** The photograph's left three quarters are the calibration's, its right quarter the others': no pixel is in both. */
function dataOf(): LayerData[] {
  const network = faceNetwork()
  const { width, height, channels } = loadPhoto()
  const border = Math.floor(0.75 * width)
  const places = (count: number, rows: number, from: number, to: number): [number, number][] =>
    Array.from({ length: count }, (_, t) => {
      const cols = count / rows
      const part = (i: number, of: number, room: number): number => Math.floor((i * room) / (of - 1))
      return [part(t % rows, rows, height - SIDE), from + part(Math.floor(t / rows), cols, to - SIDE - from)]
    })
  const sums = LAYERS.map((name) => {
    const W = network.layer(name)
    const [m, n] = W.shape as [number, number]
    return { W, gram: zeros([n, n]), fisher: zeros([m, n]), others: zeros([n, n]) }
  })
  const add = (sum: Matrix, more: Matrix, f = (x: number): number => x): void => {
    for (let e = 0; e < sum.size; e++) sum.data[e]! += f(more.data[e]!)
  }
  const see = ([top, left]: [number, number], seed: number): Matrix[][] => {
    const probe = random.normal([128, 1], { seed })
    const seen = network.seen(square(channels, top, left), probe, LAYERS)
    return LAYERS.map((name) => [seen.get(name)!.X, seen.get(name)!.D])
  }
  places(CALIBRATION, 4, 0, border).forEach((place, t) => {
    see(place, t).forEach(([X, D], l) => {
      add(sums[l]!.gram, gram(matrix(X!.transpose(1, 0))))
      add(sums[l]!.fisher, matmul(D!, X!, { transB: true }), (g) => g ** 2 / CALIBRATION)
    })
  })
  places(OTHERS, 4, border, width).forEach((place, t) => {
    see(place, CALIBRATION + t).forEach(([X], l) => {
      add(sums[l]!.others, gram(matrix(X!.transpose(1, 0))))
    })
  })
  return sums.map(({ W, gram, fisher, others }) => ({ W, statistics: { gram, fisher }, others }))
}

/** ‖(W − Ŵ)X‖/‖WX‖ for C = XXᵀ. */
function error(W: Matrix, approximation: Matrix, C: Matrix): number {
  const square = (A: Matrix): number => matmul(A, C).data.reduce((sum, x, e) => sum + x * A.data[e]!, 0)
  return Math.sqrt(square(minus(W, approximation)) / square(W))
}

interface Row {
  readonly name: compression.CompressionName
  /** Undefined for what has a size of its own. */
  readonly budget: number | undefined
  /** Of all numbers of all layers. */
  readonly numbers: number
  readonly places: number
  /** By layer: of its numbers, and errors on the calibration and on the other inputs. */
  readonly parts: readonly number[]
  readonly fitted: readonly number[]
  readonly errors: readonly number[]
  /** Of the errors. */
  readonly mean: number
  readonly seconds: number
}

function compressed(
  data: readonly LayerData[],
  name: compression.CompressionName,
  budget: number | undefined,
): Row {
  const config = name === 'mfacPruning' ? { budget, curvature: 'inputs' } : { budget }
  const compress = compression.create(name, config) as compression.Compressor
  const { result, seconds } = cpuSeconds(() =>
    compress.layers(
      data.map(({ W }) => W),
      data.map(({ statistics }) => statistics),
    ),
  )
  const all = data.reduce((sum, { W }) => sum + W.size, 0)
  const total = (f: (layer: compression.Compressed) => number): number =>
    result.reduce((sum, layer) => sum + f(layer), 0) / all
  const errors = result.map((layer, l) => error(data[l]!.W, layer.toDense(), data[l]!.others))
  return {
    name,
    budget,
    numbers: total(({ parameters }) => parameters),
    places: total(({ indexCount }) => indexCount),
    parts: result.map(({ parameters }, l) => parameters / data[l]!.W.size),
    fitted: result.map(({ errorEstimate }) => errorEstimate),
    errors,
    mean: meanRoot(errors),
    seconds,
  }
}

const meanRoot = (errors: readonly number[]): number =>
  Math.sqrt(errors.reduce((sum, x) => sum + x * x, 0) / errors.length)

test('a trained network compressed by every method, in the norm of its own inputs', () => {
  const data = dataOf()
  const methods = compression.list().filter(({ input }) => input === 'layer')
  const rows = methods.flatMap(({ name }) =>
    (name === 'butterflyLayer' ? [undefined] : BUDGETS).map((budget) => compressed(data, name, budget)),
  )
  const at = (name: compression.CompressionName, budget?: number): Row =>
    rows.find((row) => row.name === name && row.budget === budget)!

  for (const { budget = 1, numbers, places } of rows) {
    expect(numbers).toBeLessThanOrEqual(budget)
    expect(places).toBeLessThanOrEqual(budget)
  }
  // What the page says of them.
  for (const budget of BUDGETS) {
    const of = (name: compression.CompressionName): Row => at(name, budget)
    of('truncatedSvd').errors.forEach((plain, l) => {
      expect(of('eora').errors[l]!).toBeLessThan(plain / 2)
      expect(of('sltrain').errors[l]! / plain).toBeGreaterThan(0.9)
      expect(of('sltrain').errors[l]! / plain).toBeLessThan(1.15)
      if (l > 0) expect(of('mfacPruning').errors[l]!).toBeLessThan(of('eora').errors[l]!)
    })
    expect(of('fwsvd').mean).toBeGreaterThan(of('truncatedSvd').mean)
    // Numbers go from the first layer to the last.
    expect(of('welore').parts[0]).toBeLessThan(0.6 * of('truncatedSvd').parts[0]!)
    expect(of('welore').parts[4]).toBeGreaterThan(of('truncatedSvd').parts[4]!)
  }
  const [pruned, low] = [at('mfacPruning', 0.25), at('eora', 0.5)]
  expect(pruned.errors.filter((x, l) => x < low.errors[l]!).length).toBe(3)
  expect(pruned.errors[0]).toBeGreaterThan(at('eora', 0.25).errors[0]!)
  expect(at('butterflyLayer').mean).toBeGreaterThan(at('truncatedSvd', 0.25).mean)
  // The last layer has fewer samples than inputs.
  expect(pruned.errors[4]! / pruned.fitted[4]!).toBeGreaterThan(2)
  expect(low.errors[4]! / low.fitted[4]!).toBeGreaterThan(2)
  for (const { errors, fitted } of rows) {
    for (let l = 0; l < 4; l++) {
      expect(Math.abs(errors[l]! - fitted[l]!)).toBeLessThanOrEqual(0.4 * fitted[l]!)
    }
  }

  record({
    name: 'real-network',
    title: 'A trained network, compressed by every method',
    paper: 'of each method the paper that `compression.list()` names; the network is not theirs.',
    setting: `Five layers of the face recognition network of \`@vladmandic/face-api\` 1.7.15, a convolution as out × (height·width·in): ${data
      .map(({ W }, l) => `${LAYERS[l]} ${W.shape.join(' × ')}`)
      .join(
        ', ',
      )}. Its weights come as bytes, but for conv64, and so with the noise of rounding to 255 steps. Inputs are the layers’ own when the network sees squares of a photograph of the Alps, and no faces: ${CALIBRATION} squares of its left three quarters to compress by (the last layer has ${CALIBRATION * 4} samples of 256 inputs), ${OTHERS} of its right quarter to measure ‖(W − Ŵ)X‖/‖WX‖ by. Fisher information is that of the 128 outputs with noise. The budget is the part of the numbers that may stay; places are the indices of sparse entries, beside them. Means are roots of mean squares over the layers; seconds are the processor’s for all five, to the nearest of 1, 2 and 5.`,
    columns: [
      'method',
      'budget',
      'numbers',
      'places',
      ...LAYERS,
      'mean',
      'mean on the calibration',
      'seconds',
    ],
    rows: rows.map(({ name, budget, numbers, places, errors, mean, fitted, seconds }) => [
      name,
      budget ?? 'its own',
      numbers,
      places,
      ...errors,
      mean,
      meanRoot(fitted),
      aboutTime(seconds),
    ]),
    reading:
      'What counts is whether a method looks at the inputs. EoRA, which is low rank in their norm, has less than half the error of the SVD of the same size in every layer; pruning with M-FAC’s joint update has less still, except in the first layer, where it is behind at a quarter and about even at a half. It stores a place with each number: a quarter of the weights with their places against half of the numbers as low rank, it is ahead in three of the five layers. Methods that look at the weights alone hardly differ: SLTrain’s free entries are worth about what low rank of their number is. FWSVD and WeLore serve other aims, the loss and the singular values: in this norm FWSVD is behind the SVD, and WeLore moves numbers from the first layer, whose singular values fall, to the last, whose do not. Nothing in these layers is near a butterfly. The last layer shows what too few samples do: the error of EoRA and of pruning elsewhere is more than twice that on the calibration, while the convolutions’ are within 40 %.',
    figures: {
      'real-network': {
        svg: drawing(rows),
        alt: 'Error over numbers stored, a panel for each layer: M-FAC and EoRA far below all others',
      },
    },
  })
}, 400_000)

function drawing(rows: readonly Row[]): string {
  const points = rows.flatMap(({ name, parts, errors }) =>
    errors.map((error, l) => ({ name, layer: LAYERS[l]!, numbers: parts[l]!, error })),
  )
  const names = [...new Set(rows.map(({ name }) => name))]
  const { document } = new JSDOM('').window
  const svg = Plot.plot({
    document,
    width: 900,
    height: 320,
    marginTop: 70,
    marginLeft: 50,
    fx: { domain: LAYERS, label: null },
    x: { domain: [0, 1], ticks: [0.25, 0.5, 0.75], tickFormat: String, label: 'part of the numbers' },
    y: { type: 'log', grid: true, ticks: [0.01, 0.03, 0.1, 0.3, 1], tickFormat: String, label: 'error' },
    color: { domain: names },
    marks: [
      Plot.frame({ stroke: '#ddd' }),
      // A layer that stays whole has no error.
      Plot.line(
        points.filter(({ error }) => error > 0),
        { fx: 'layer', x: 'numbers', y: 'error', stroke: 'name', marker: true },
      ),
    ],
  })
  const colour = svg.scale('color')!.apply as (name: string) => string
  names.forEach((name, i) => {
    const label = document.createElementNS('http://www.w3.org/2000/svg', 'text')
    label.setAttribute('x', String(80 + 115 * i))
    label.setAttribute('y', '16')
    label.setAttribute('fill', colour(name))
    label.textContent = name
    svg.append(label)
  })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  return `${svg.outerHTML}\n`
}
