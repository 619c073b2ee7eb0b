import { expect, test } from 'vitest'
import { mfac, obsPrune } from '../src/factorize/index.js'
import { lstsq, matmul, matrix, random } from '../src/linalg/index.js'
import { record } from './support/record.js'

const [n, d] = [512, 100]
const FACTORS = 10
const SPARSITIES = [0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9]

test('pruning by the inverse Fisher loses less than pruning by magnitude, at every sparsity', () => {
  // Columns share factors: a weight may be large and yet be missed little.
  const common = matmul(random.normal([n, FACTORS], { seed: 1 }), random.normal([FACTORS, d], { seed: 2 }))
  const own = random.normal([n, d], { seed: 5 }).data
  const X = matrix(
    own.map((x, e) => x + common.data[e]!),
    [n, d],
  )
  const truth = random.normal([d], { seed: 3 }).data
  const noise = random.normal([n], { seed: 4 }).data
  const y = matmul(X, matrix(truth, [d, 1])).data.map((value, i) => value + 0.5 * noise[i]!)
  const { X: w } = lstsq(X, y) as { X: Float64Array }
  const residual = (v: Float64Array): Float64Array =>
    matmul(X, matrix(v, [d, 1])).data.map((value, i) => value - y[i]!)
  const loss = (v: Float64Array): number => residual(v).reduce((sum, r) => sum + (r * r) / 2 / n, 0)

  const r = residual(w)
  const gradients = matrix(
    X.data.map((x, e) => r[Math.floor(e / d)]! * x),
    [n, d],
  )
  const H = mfac(gradients, { damping: 1e-4 })
  const byMagnitude = Int32Array.from(w.keys()).sort((i, j) => Math.abs(w[i]!) - Math.abs(w[j]!))
  const rows = SPARSITIES.map((sparsity) => {
    const count = Math.round(sparsity * d)
    const cut = w.slice()
    for (const j of byMagnitude.subarray(0, count)) cut[j] = 0
    const losses = [
      loss(cut),
      ...(['none', 'sum', 'joint'] as const).map((update) => loss(obsPrune(H, w, { count, update }).weights)),
    ]
    const [magnitude, , sum, joint] = losses
    expect(joint).toBeLessThan(magnitude!)
    expect(sum).toBeLessThan(magnitude!)
    expect(joint).toBeLessThanOrEqual(sum!)
    return [`${Math.round(100 * sparsity)} %`, ...losses]
  })
  record({
    name: 'mfac-pruning',
    title: 'Pruning with M-FAC',
    paper:
      'Frantar, Kurtic and Alistarh 2021, "M-FAC: efficient matrix-free approximations of second-order information", section 4.1, at the scale of a linear regression.',
    setting: `${d} weights of a least-squares fit to ${n} samples, columns of unit noise and ten common factors, loss ${loss(w).toPrecision(2)} before pruning; the gradients of the ${n} samples, λ = 10⁻⁴.`,
    columns: ['pruned', 'by magnitude', 'by saliency', 'and single updates', 'and the joint update'],
    rows,
    reading:
      'Loss after pruning, without training afterwards. Which weights go matters less than what the others do to make up for them: with the saliency’s choice alone little is won, with single updates much, and with the joint update most.',
  })
})
