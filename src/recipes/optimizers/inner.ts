import { belief } from './adabelief.js'
import { adam } from './adam.js'
import { chain } from './chain.js'
import { naturalGradient } from './naturalgradient.js'
import { momentum } from './sgd.js'

/** The transforms that may stand inside of `projected`; each is a function of its options, `chain` of two transforms. */
export const inner = { adam, momentum, belief, naturalGradient, chain }
