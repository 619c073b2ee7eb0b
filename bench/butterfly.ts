import FFT from 'fft.js'
import { butterfly, matmul, random } from '../src/index.js'
import type { Case } from './measure.js'

// Products of butterfly matrices beside the dense product and a Fourier transform.

export function butterflyProduct(n: number, k: number): Case {
  const B = butterfly.random(n)
  const dense = B.toDense()
  const X = random.normal([n, k])
  return {
    title: `A butterfly matrix of ${n} points times ${k} columns, float64`,
    flops: 3 * n * Math.log2(n) * k,
    contenders: [
      { name: 'lowrank butterfly', run: () => B.matmat(X) },
      { name: 'lowrank matmul, dense', run: () => matmul(dense, X) },
    ],
  }
}

export function butterflyFourier(n: number): Case {
  const F = butterfly.dft(n)
  const [re, im] = [1, 2].map((seed) => random.normal([n], { seed }).data) as [Float64Array, Float64Array]
  const peer = new FFT(n)
  const interleaved = peer.createComplexArray()
  for (let i = 0; i < n; i++) [interleaved[2 * i], interleaved[2 * i + 1]] = [re[i]!, im[i]!]
  const out = peer.createComplexArray()
  return {
    title: `The Fourier transform of ${n} points as a complex butterfly, float64`,
    flops: 14 * n * Math.log2(n),
    contenders: [
      { name: 'lowrank butterfly.dft', run: () => F.matvec(re, im) },
      { name: 'fft.js', run: () => peer.transform(out, interleaved) },
    ],
  }
}
