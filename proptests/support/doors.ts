import { expect } from 'vitest'
import { asOperator, csr, operator } from '../../src/linalg/index.js'
import type { AnyOperator, Matrix } from '../../src/linalg/index.js'
import { rsvd } from '../../src/factorize/index.js'

/** The same matrix behind every kind of door. */
export function doors(A: Matrix): Record<string, AnyOperator> {
  const [m = 0, n = 0] = A.shape
  const dense = asOperator(A)
  const { matmat, rmatmat } = dense
  const cells = Array.from({ length: m * n }, (_, e) => e)
  return {
    dense,
    bare: operator({ shape: [m, n], matmat, rmatmat }),
    async: operator({
      shape: [m, n],
      async: true,
      matmat: (X) => Promise.resolve(matmat(X)),
      rmatmat: (Y) => Promise.resolve(rmatmat(Y)),
    }),
    single: operator({ shape: [m, n], dtype: 'float32', matmat: widened(matmat), rmatmat: widened(rmatmat) }),
    csr: csr({
      shape: [m, n],
      rows: cells.map((e) => Math.floor(e / n)),
      cols: cells.map((e) => e % n),
      values: cells.map((e) => A.get(Math.floor(e / n), e % n)),
    }),
    result: rsvd(A, { rank: Math.min(m, n) }),
  }
}

/** A product that insists on float32, as a device's would. */
function widened(f: (X: Matrix) => Matrix): (X: Matrix) => Matrix {
  return (X) => {
    expect(X.data).toBeInstanceOf(Float32Array)
    return f(X)
  }
}
