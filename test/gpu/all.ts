import { butterflyLaws } from './butterflylaws.js'
import { csrLaws } from './csrlaws.js'
import { entryLaws } from './entrylaws.js'
import { gradientLaws } from './gradientlaws.js'
import { kernelLaws, largeLaws } from './kernellaws.js'
import { kernelMatrixLaws } from './kernelmatrixlaws.js'
import { gpuLaws } from './laws.js'
import { observedLaws } from './observedlaws.js'
import { sketchLaws } from './sketchlaws.js'
import { subspaceLaws } from './subspacelaws.js'
import { tensorLaws } from './tensorlaws.js'

/** What holds on every backend, and in blocks of any size. */
export const blockedLaws = {
  ...gpuLaws,
  ...kernelLaws,
  ...csrLaws,
  ...entryLaws,
  ...observedLaws,
  ...kernelMatrixLaws,
  ...gradientLaws,
  ...tensorLaws,
  ...sketchLaws,
  ...butterflyLaws,
}

/** Every law, for every backend. */
export const laws = { ...blockedLaws, ...largeLaws, ...subspaceLaws }
