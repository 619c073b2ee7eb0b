import FFT from 'fft.js'
import { EigenvalueDecomposition, Matrix as MlMatrix } from 'ml-matrix'
import { csr, eigh, fft, fwht, matmul, random, toNested } from '../src/index.js'
import type { CsrOperator, Matrix } from '../src/index.js'
import type { Case } from './measure.js'
import type { Python } from './python.js'

// The rest of the dense core beside its peers, and kernels beside the plain loops that they replace.

export function symmetricEigen(n: number, python: Python): Case {
  const G = random.normal([n, n])
  const A = matmul(G, G, { transA: true })
  const ml = new MlMatrix(toNested(A))
  return {
    title: `Symmetric eigenproblem of ${n}×${n}, float64`,
    flops: 8 * n ** 3,
    contenders: [
      { name: 'lowrank eigh', run: () => eigh(A) },
      { name: 'ml-matrix EVD', run: () => new EigenvalueDecomposition(ml, { assumeSymmetric: true }) },
      python.contender('NumPy eigh', { kind: 'eigh', m: n, n }),
    ],
  }
}

export function fourier(n: number, python: Python): Case {
  const [re, im] = [random.normal([n]).data, random.normal([n], { seed: 1 }).data]
  const peer = new FFT(n)
  const input = new Float64Array(2 * n)
  for (let i = 0; i < n; i++) input.set([re[i]!, im[i]!], 2 * i)
  const output = new Float64Array(2 * n)
  return {
    title: `FFT of ${n} complex numbers, float64`,
    flops: 5 * n * Math.log2(n),
    contenders: [
      { name: 'lowrank fft', run: () => fft(re, im) },
      {
        name: 'fft.js',
        run: () => {
          peer.transform(output, input)
        },
      },
      python.contender('NumPy fft', { kind: 'fft', m: 1, n }),
    ],
  }
}

export function hadamard(n: number): Case {
  const x = random.normal([n]).data
  const y = new Float64Array(n)
  return {
    title: `Walsh–Hadamard transform of ${n} numbers, float64`,
    flops: n * Math.log2(n),
    contenders: [
      { name: 'lowrank fwht', run: () => fwht(x) },
      {
        name: 'one pass over memory, y = 2x',
        run: () => {
          for (let i = 0; i < n; i++) y[i] = 2 * x[i]!
        },
      },
    ],
  }
}

export function sparseProduct(side: number, perRow: number, k: number): Case {
  const nnz = side * perRow
  const A = csr({
    shape: [side, side],
    rows: Int32Array.from({ length: nnz }, (_, e) => Math.floor(e / perRow)),
    cols: Int32Array.from(random.uniform([nnz]).data, (u) => Math.floor(u * side)),
    values: random.normal([nnz]).data,
  })
  const X = random.normal([side, k])
  return {
    title: `Sparse ${side}×${side} with ${perRow} entries per row, times ${k} columns`,
    flops: 2 * nnz * k,
    contenders: [
      { name: 'lowrank csr', run: () => A.matmat(X) },
      { name: 'the plain loop', run: () => plainProduct(A, X) },
    ],
  }
}

function plainProduct({ shape, pointers, indices, values }: CsrOperator, X: Matrix): Float64Array {
  const k = X.shape[1]!
  const Y = new Float64Array(shape[0] * k)
  for (let i = 0; i < shape[0]; i++) {
    for (let e = pointers[i]!; e < pointers[i + 1]!; e++) {
      const a = values[e]!
      for (let t = 0, x = indices[e]! * k, y = i * k; t < k; t++) Y[y + t]! += a * X.data[x + t]!
    }
  }
  return Y
}
