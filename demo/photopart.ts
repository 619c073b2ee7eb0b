import { methodsPlot, photoErrorPlot } from './figures.js'
import { photoImage } from './images.js'
import { chartBox, finding, percent, seconds, table } from './parts.js'
import type { PhotoReport } from './photo.js'

/** The second half of the page: a photograph at several ranks. */
export function photoPart(report: PhotoReport): string {
  const { picture, compressed, adaptive } = report
  const { width, height } = picture
  return `<h2>One photograph</h2>
<p>A picture of ${width}&nbsp;×&nbsp;${height} pixels is three matrices: red, green, blue. Rank k keeps k columns, k rows and k
singular values of each: k(${width} + ${height} + 1) numbers in the place of ${(width * height).toLocaleString('en')}.</p>
${finding(
  'photo',
  'Broad shapes come first, the trees last',
  `A matrix of low rank is a sum of few stripe patterns: one profile along the rows times one along the columns. What runs along
  rows or columns, such as sky and horizon, needs few of them; fine texture in all directions, such as the firs, needs many.`,
  gallery(report),
  'Each estimate was made without looking at the result: from ten random probe vectors that ride along with a product.',
)}
${finding(
  'photo-error',
  'The method knows how good it is',
  `Nobody has to form the difference to learn the error: the estimate comes with the result. Asked
  for a relative error of ${percent(adaptive.rtol, 0)} and no rank at all (<code>rtol: ${adaptive.rtol}</code>), it chose the ranks
  ${adaptive.ranks.join(', ')} for red, green, blue, with a true error of ${percent(adaptive.error, 2)}.`,
  chartBox(photoErrorPlot(report)),
  'All three channels together, relative to the whole picture, logarithmic scale.',
)}
${table(
  ['rank', 'true error', 'estimated', 'optimum', 'storage', 'time'],
  compressed.map(({ rank, error, estimate, optimum, storage, seconds: time }) => [
    String(rank),
    percent(error, 2),
    percent(estimate, 2),
    percent(optimum, 2),
    percent(storage),
    seconds(time),
  ]),
)}
${finding(
  'methods',
  'What one more look at the matrix buys',
  `Four ways to the same rank, for the red channel. One pass (<code>method: 'singlePass'</code>) is for data
  that can be read only once, and keeps a sketch of 4k + 1 columns for it; the others read it 2, 4 and 6 times. A slowly
  falling spectrum, like this one, is where power iterations pay.`,
  chartBox(methodsPlot(report)),
  'The true error divided by the smallest possible one of that rank; 1 is perfect.',
)}`
}

function gallery({ picture, compressed }: PhotoReport): string {
  const photos = compressed.map(({ rank, channels, error, estimate, storage }) =>
    photo(
      photoImage(channels),
      `The photograph at rank ${rank}`,
      `<strong>Rank ${rank}</strong> · ${percent(storage)} of the numbers<br>true error ${percent(error, 2)}, estimated ${percent(estimate, 2)}`,
      '',
    ),
  )
  const original = photo(
    photoImage(picture.channels),
    'The original photograph: dark firs before a range of snowy mountains, in brown tones',
    '<strong>Original</strong>',
    ' class="original"',
  )
  return `<div class="photos">${photos.join('')}${original}</div>`
}

function photo(source: string, alt: string, caption: string, attributes: string): string {
  return `<figure${attributes}><img src="${source}" alt="${alt}"><figcaption>${caption}</figcaption></figure>`
}
