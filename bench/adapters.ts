import { adapters } from '../src/recipes/index.js'
import { spectra, withSpectrum } from '../src/testing/index.js'
import type { Case } from './measure.js'

// What it takes to start an adapter on a weight whose singular values fall like j^−0.8.

const weight = (n: number): ReturnType<typeof withSpectrum> => withSpectrum(n, n, spectra.polynomial(n, 0.8))

export function nloraStart(n: number, r: number): Case {
  const W0 = weight(n)
  const [nlora, pissa] = [adapters.nlora({ r }), adapters.pissa({ r, svdMethod: 'svd' })]
  return {
    title: `The start of NLoRA of rank ${r} on ${n}×${n}, float64`,
    contenders: [
      { name: 'lowrank nlora', run: () => nlora.init({ W0 }) },
      { name: 'PiSSA by the whole SVD', run: () => pissa.init({ W0 }), slow: true },
    ],
  }
}

export function pissaStart(n: number, r: number): Case {
  const W0 = weight(n)
  const [quick, exact] = [adapters.pissa({ r }), adapters.pissa({ r, svdMethod: 'svd' })]
  const [near, best] = [quick, exact].map((pissa) => pissa.init({ W0 }).residual!)
  return {
    title: `The start of PiSSA of rank ${r} on ${n}×${n}, float64`,
    contenders: [
      { name: 'lowrank pissa', run: () => quick.init({ W0 }) },
      { name: 'PiSSA by the whole SVD', run: () => exact.init({ W0 }), slow: true },
    ],
    notes: [
      `What is left of the weight: ${(near! / best! - 1).toExponential(1)} more than the least possible.`,
    ],
  }
}
