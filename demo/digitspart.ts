import { SIDE } from './data.js'
import type { DigitsReport } from './digits.js'
import { digitsErrorPlot, scatterPlot, screePlot } from './figures.js'
import type { GpuReport } from './gpu.js'
import { digitImage, divergingImage } from './images.js'
import { chartBox, escape, finding, numbers, percent, seconds } from './parts.js'

const T = '<sup>T</sup>'

/** The first half of the page: principal components of handwritten digits. */
export function digitsPart(report: DigitsReport, gpu: GpuReport): string {
  const { count, rank, model, error, optimum } = report
  const variance = 1 - error ** 2
  return `<h2>${count.toLocaleString('en')} handwritten digits</h2>
<p>Each digit is ${SIDE}&nbsp;×&nbsp;${SIDE} pixels: one row of a ${count.toLocaleString('en')}&nbsp;×&nbsp;${SIDE ** 2} matrix. Principal
component analysis subtracts the mean digit and finds the ${rank} directions in which the rest varies most: a truncated
singular value decomposition, for which the data are read ${model.passes} times and never copied.</p>
${numbers([
  [
    seconds(report.seconds),
    `for rank ${rank} on the CPU; the exact spectrum took ${seconds(report.exactSeconds)}`,
  ],
  [percent(error, 2), `relative error, measured on every pixel (optimum ${percent(optimum, 2)})`],
  [percent(model.errorEstimate, 2), 'what the method itself had estimated'],
  [percent(variance), `of the variance in ${percent(rank / SIDE ** 2)} of the numbers per digit`],
])}
<p class="note" style="margin-top:1.25rem">${escape(gpu.line.trim())}</p>
${components(report)}
${reconstructions(report)}
${finding(
  'scree',
  'The singular values fall fast, then slowly',
  `The squares of the singular values are the variance along each component. The dots come from a few products with
  random vectors, the line from all ${SIDE ** 2} values, computed the slow way. What rank ${rank} leaves out is the
  shaded tail, and no approximation of that rank can leave out less.`,
  chartBox(screePlot(report)),
  'Singular values of the centred data, logarithmic scale.',
)}
${finding(
  'error',
  'Two power iterations all but reach the optimum',
  `A random sketch alone mixes the leading directions with the long tail. Each power iteration multiplies
  by AA${T} once more: a ratio r between two singular values acts like r³, then like r⁵. After two of them, the default, the
  error is ${percent(error / optimum - 1, 2)} above the best possible one.

  For a projection A ≈ QQ${T}A the error follows from the singular values by Pythagoras; at rank ${rank} it was
  measured entry by entry too.`,
  chartBox(digitsErrorPlot(report)),
  'Relative error of the centred data, measured in the Frobenius norm.',
)}
${finding(
  'scatter',
  'Two numbers per digit already separate some of them',
  `Each mark is one digit at its first two scores: how much of component 1 and component 2 it holds. Zeros
  and ones part at once, because component 1 is nearly “ring minus stroke”. Fours, sevens and nines stay together until
  more components are taken: nobody told the method what a digit is.`,
  chartBox(scatterPlot(report)),
  `A random sample of the ${count.toLocaleString('en')} digits.`,
)}`
}

function components({ model }: DigitsReport): string {
  const shown = Math.min(17, model.rank)
  const tiles = Array.from({ length: shown }, (_, j) => {
    const row = model.components.data.subarray(j * SIDE ** 2, (j + 1) * SIDE ** 2)
    const limit = Math.max(...row.map(Math.abs))
    const part = model.explainedVarianceRatio?.[j]
    const share = part === undefined ? '' : ` · ${percent(part)}`
    return tile(
      divergingImage(row, limit),
      `Component ${j + 1}: red and blue regions`,
      `${j + 1}${share}`,
      'signed',
    )
  })
  return finding(
    'components',
    'The mean digit and its main variations',
    `The mean comes first. Adding a component darkens what is red and erases what is blue; subtracting it does the opposite.
    The first turns a stroke into a ring; later ones have ever finer detail, like the overtones of a drum.`,
    `<div class="tiles">${tile(digitImage(model.mean), 'The mean of all digits, a grey blur', 'mean', 'ink')}${tiles.join('')}</div>`,
    'With each component the part of the variance along it. Where a tile is plain, the component is zero.',
  )
}

function tile(source: string, alt: string, caption: string, kind: string): string {
  return `<figure><img class="digit ${kind}" src="${source}" alt="${alt}"><figcaption>${caption}</figcaption></figure>`
}

function reconstructions({ originals, rebuilt, curve }: DigitsReport): string {
  const cell = (pixels: Float64Array, alt: string): string =>
    `<td><img class="digit ink" src="${digitImage(pixels)}" alt="${alt}"></td>`
  const row = (head: string, images: readonly Float64Array[], what: string): string =>
    `<tr><th scope="row">${head}</th>${images.map((image, d) => cell(image, `${d}, ${what}`)).join('')}</tr>`
  const rows = rebuilt.map(({ rank, images }) =>
    row(`rank ${rank}<br>${percent(curve[rank - 1]!.error)}`, images, `rank ${rank}`),
  )
  const head = originals.map((_, d) => `<th scope="col">${d}</th>`).join('')
  return finding(
    'reconstructions',
    'A digit from a handful of numbers',
    `Each column is one digit of the data. With rank k it is the mean plus k components, so k numbers describe it. Two give a
    blur of the likeliest shapes; a few dozen give back the writer’s hand.`,
    `<div class="scroll" tabindex="0" role="region" aria-label="Reconstructions"><table class="rebuilt"><thead><tr><th scope="col">digit</th>${head}</tr></thead><tbody>
${rows.join('\n')}
${row('original', originals, 'original')}
</tbody></table></div>`,
    'Below each rank its relative error over all digits.',
  )
}
