import { csrLaws } from './csrlaws.js'
import { kernelLaws } from './kernellaws.js'
import { gpuLaws } from './laws.js'
import { observedLaws } from './observedlaws.js'

/** Every law, for every backend. */
export const laws = { ...gpuLaws, ...kernelLaws, ...csrLaws, ...observedLaws }
