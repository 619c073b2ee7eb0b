import { butterflyLaws } from './butterflylaws.js'
import { csrLaws } from './csrlaws.js'
import { kernelLaws } from './kernellaws.js'
import { gpuLaws } from './laws.js'
import { sketchLaws } from './sketchlaws.js'

/** Every law, for every backend. */
export const laws = { ...gpuLaws, ...kernelLaws, ...csrLaws, ...sketchLaws, ...butterflyLaws }
