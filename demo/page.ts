import { readFileSync } from 'node:fs'
import type { DigitsReport } from './digits.js'
import type { GpuReport } from './gpu.js'
import type { PhotoReport } from './photo.js'
import { digitsPart } from './digitspart.js'
import { photoPart } from './photopart.js'

export interface DemoReport {
  readonly digits: DigitsReport
  readonly gpu: GpuReport
  readonly photo: PhotoReport
}

/** The whole page, which asks nothing of any network: style, plots and pictures are inside. */
export function renderPage({ digits, gpu, photo }: DemoReport): string {
  const css = readFileSync(new URL('page.css', import.meta.url), 'utf8')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Randomized linear algebra at work</title>
<style>
${css}</style>
</head>
<body>
<header>
<h1>What a large matrix is really made of</h1>
<p class="lead">A picture collection, or a single picture, is a matrix; and most matrices from the world are nearly
of low rank. A randomized method finds that rank from a few products with random vectors. Everything on this page
was computed by <code>lowrank</code> on the machine that made it, and each approximation is shown beside the best
one that exists.</p>
</header>
<main>
${digitsPart(digits, gpu)}
${photoPart(photo)}
</main>
<footer>
<p>Digits: MNIST, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges. Photograph: Adolphe Braun, Alpine
Landscape, about 1865–1870, courtesy of the Getty’s Open Content Program. Method: Halko, Martinsson and Tropp,
“Finding structure with randomness”, 2011.</p>
</footer>
</body>
</html>
`
}
