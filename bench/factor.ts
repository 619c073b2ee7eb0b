import { Matrix as MlMatrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix'
import {
  kernelMatrix,
  matmul,
  matrix,
  modeProduct,
  norm,
  nuclearNormProxy,
  nystrom,
  nystromBlocks,
  qr,
  random,
  rsvd,
  svd,
  svdvals,
  toNested,
  tucker,
} from '../src/index.js'
import type { Matrix, Tensor } from '../src/index.js'
import type { Case } from './measure.js'
import { np } from './numpyts.js'
import type { Python } from './python.js'

// Factorizations beside ml-matrix, NumPy and scikit-learn.

/** A·B + noise: the singular values fall off a cliff after k, as where a truncated SVD is what one wants. */
function nearlyLowRank(m: number, n: number, k: number): Matrix {
  const A = matmul(random.normal([m, k]), random.normal([k, n], { seed: 1 }))
  const noise = random.normal([m, n], { seed: 2 }).data
  for (let e = 0; e < noise.length; e++) A.data[e]! += 0.1 * noise[e]!
  return A
}

export function truncatedSvd(m: number, n: number, rank: number, python: Python): Case {
  const A = nearlyLowRank(m, n, rank)
  const ml = new MlMatrix(toNested(A))
  const result = rsvd(A, { rank })
  const optimum = Math.hypot(...svdvals(A).subarray(rank)) / norm(A)
  return {
    title: `SVD of rank ${rank} of ${m}×${n}, float64`,
    contenders: [
      { name: 'lowrank rsvd', run: () => rsvd(A, { rank }) },
      { name: 'lowrank svd, full', run: () => svd(A), slow: true },
      { name: 'ml-matrix SVD, full', run: () => new SingularValueDecomposition(ml), slow: true },
      python.contender('NumPy svd, full', { kind: 'svd', m, n, k: rank }, { slow: true }),
      python.contender('NumPy, randomized in six lines', { kind: 'rsvd', m, n, k: rank }),
      python.contender('scikit-learn randomized_svd', { kind: 'sklearn', m, n, k: rank }),
    ],
    notes: [
      `Relative error of rsvd: ${percent(trueError(A, result.toDense()))} true, ${percent(result.errorEstimate)} estimated, ` +
        `${percent(optimum)} the best possible.`,
    ],
  }
}

/** By a random basis, which reads the whole kernel matrix, or by pivots, which reads `rank` of its columns. */
export function kernelNystrom(
  columns: 'gaussian' | 'rpcholesky',
  points: number,
  dimensions: number,
  rank: number,
  python: Python,
): Case {
  const K = kernelMatrix(random.normal([points, dimensions]))
  const whole = columns === 'gaussian'
  const work = { kind: whole ? 'nystrom' : 'rpcholesky', m: points, n: dimensions, k: rank } as const
  return {
    title: `Nyström of rank ${rank}${whole ? '' : ' by pivots'}, RBF kernel of ${points} points`,
    contenders: [
      { name: `lowrank nystrom, ${columns}`, run: () => nystrom(K, { rank, columns }), slow: whole },
      python.contender(`NumPy, ${whole ? 'by blocks of rows' : columns}`, work, { slow: whole }),
    ],
    notes: [
      `In ${dimensions} dimensions. Relative error of the trace: ${percent(nystrom(K, { rank, columns }).errorEstimate)}.`,
    ],
  }
}

export function denseSvd(m: number, n: number, python: Python): Case {
  const A = random.normal([m, n])
  const ml = new MlMatrix(toNested(A))
  const a = np.frombuffer(A.data, 'float64').reshape(m, n).copy()
  return {
    title: `SVD of ${m}×${n}, float64`,
    flops: 14 * m * n * n + 8 * n ** 3,
    contenders: [
      { name: 'lowrank svd', run: () => svd(A) },
      { name: 'ml-matrix SVD', run: () => new SingularValueDecomposition(ml), slow: true },
      { name: 'numpy-ts svd', run: () => np.linalg.svd(a, false), slow: true },
      python.contender('NumPy svd', { kind: 'svd', m, n }),
    ],
  }
}

export function denseQr(m: number, n: number, python: Python): Case {
  const A = random.normal([m, n])
  const ml = new MlMatrix(toNested(A))
  return {
    title: `QR of ${m}×${n}, float64`,
    flops: 4 * m * n * n - (4 / 3) * n ** 3,
    contenders: [
      { name: 'lowrank qr', run: () => qr(A) },
      {
        name: 'ml-matrix QR, with its Q',
        run: () => {
          // Its Q is formed when asked for.
          const { orthogonalMatrix, upperTriangularMatrix } = new QrDecomposition(ml)
          return [orthogonalMatrix, upperTriangularMatrix]
        },
      },
      python.contender('NumPy qr', { kind: 'qr', m, n }),
    ],
  }
}

/** A tensor of multilinear rank (k, k, k) and noise. */
function nearlyLowRankTensor(n: number, k: number): Tensor {
  let T = random.normal([k, k, k])
  for (const mode of [0, 1, 2]) T = modeProduct(T, random.normal([n, k], { seed: mode + 1 }), mode)
  const noise = random.normal([n, n, n], { seed: 4 }).data
  for (let e = 0; e < noise.length; e++) T.data[e]! += 0.1 * noise[e]!
  return T
}

export function tuckerDecomposition(n: number, ranks: number): Case {
  const T = nearlyLowRankTensor(n, ranks)
  const [random, exact] = [tucker(T, { ranks, randomized: true }), tucker(T, { ranks })]
  return {
    title: `Tucker decomposition of ${n}×${n}×${n} to ranks ${ranks}, float64`,
    contenders: [
      { name: 'lowrank tucker, randomized ST-HOSVD', run: () => tucker(T, { ranks, randomized: true }) },
      { name: 'lowrank tucker, ST-HOSVD', run: () => tucker(T, { ranks }) },
      { name: 'lowrank tucker, HOSVD', run: () => tucker(T, { ranks, method: 'hosvd' }), slow: true },
    ],
    notes: [
      `Relative error: ${percent(random.errorEstimate)} randomized, ${percent(exact.errorEstimate)} not.`,
    ],
  }
}

/** The nuclear norm by its proxy, the sum of column norms. */
export function nuclearProxy(n: number): Case {
  const A = random.normal([n, n])
  return {
    title: `The nuclear norm of ${n}×${n}, float64`,
    contenders: [
      { name: 'lowrank nuclearNormProxy', run: () => nuclearNormProxy(A) },
      { name: 'lowrank norm, nuclear', run: () => norm(A, 'nuc'), slow: true },
    ],
    notes: [`Proxy over norm: ${(nuclearNormProxy(A) / norm(A, 'nuc')).toFixed(2)}.`],
  }
}

/** The start of NLoRA's factors: a weight by its leading block, beside its SVD. */
export function blockNystrom(n: number, rank: number): Case {
  const A = nearlyLowRank(n, n, rank)
  return {
    title: `Block Nyström of rank ${rank} of ${n}×${n}, float64`,
    contenders: [
      { name: 'lowrank nystromBlocks', run: () => nystromBlocks(A, { rank }) },
      { name: 'lowrank svd', run: () => svd(A), slow: true },
    ],
  }
}

const percent = (x: number): string => `${(100 * x).toFixed(3)} %`

function trueError(A: Matrix, B: Matrix): number {
  const [m = 0, n = 0] = A.shape
  return (
    norm(
      matrix(
        A.data.map((value, e) => value - B.data[e]!),
        [m, n],
      ),
    ) / norm(A)
  )
}
