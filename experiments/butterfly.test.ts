import { expect, test } from 'vitest'
import { butterfly } from '../src/factorize/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { record } from './support/record.js'

// Larger sizes by gradient take minutes: BUTTERFLY_SIZES=64,128,1024 npm run experiments -- butterfly.
const SIZES = (process.env.BUTTERFLY_SIZES ?? '8,16,32').split(',').map(Number)

const TRANSFORMS = {
  Fourier: { make: butterfly.dft, options: {} },
  Hadamard: { make: butterfly.hadamard, options: { permutation: 'identity', complex: false } },
  cosine: { make: butterfly.dct, options: { permutation: 'cosine' } },
  sine: { make: butterfly.dst, options: { permutation: 'cosine' } },
} as const

test('fast transforms are found from their entries, at once or by gradient', () => {
  const rows: (string | number)[][] = []
  for (const [name, { make, options }] of Object.entries(TRANSFORMS)) {
    for (const n of [8, 64, 256, 1024]) {
      if (n === 1024 && name === 'sine') continue
      const A = make(n).toDense() as Matrix
      const { errorEstimate } = butterfly.factorize(A)
      expect(errorEstimate).toBeLessThan(1e-13)
      rows.push([name, n, 'hierarchical', errorEstimate, '', ''])
    }
    for (const n of SIZES) {
      const A = make(n).toDense() as Matrix
      const runs = [0, 1, 2].map((seed) => {
        const found = butterfly.factorize(A, { method: 'gradient', ...options, seed, restarts: 1 })
        return { rmse: found.errorEstimate / Math.sqrt(n), iterations: found.iterations }
      })
      const good = runs.filter(({ rmse }) => rmse <= 1e-4)
      if (name === 'Fourier' || name === 'Hadamard') expect(good.length).toBeGreaterThan(0)
      const best = runs.reduce((a, b) => (a.rmse < b.rmse ? a : b))
      rows.push([name, n, 'gradient', best.rmse, `${good.length} of 3`, best.iterations])
    }
  }
  record({
    name: 'butterfly',
    title: 'Fast transforms found from their entries',
    paper:
      'Dao, Gu, Eichhorn, Rudra and Ré 2019, "Learning fast algorithms for linear transforms using butterfly factorizations"; Zheng, Riccietti and Gribonval 2023, "Efficient identification of butterfly sparse matrix factorizations".',
    setting:
      'The n × n matrix is given, the fast algorithm is looked for. By gradient the order of the points is given, three seeds of up to 3000 steps; the goal is the paper’s, a root mean square error of 10⁻⁴ where the matrix is scaled to norm √n.',
    columns: [
      'transform',
      'n',
      'method',
      'relative error, or RMSE by gradient',
      'seeds that reach 1e-4',
      'steps of the best',
    ],
    rows,
    reading:
      'The direct method finds all of them to rounding, in an order that it finds too. The gradient finds the Fourier and Hadamard transforms; the cosine and sine transforms, real parts of complex butterflies, less often.',
  })
})
