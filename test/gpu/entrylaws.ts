import { gram, norm, random, transpose, zeros } from '../../src/index.js'
import type { Matrix } from '../../src/index.js'
import type { Gpu } from '../../src/gpu/index.js'
import { absolute, assert, equal, rejects, relative, within } from './laws.js'

/** Squares and slivers, multiples of nothing, a long sum. */
const shapes = [
  [1, 1],
  [37, 29],
  [5, 130],
  [131, 6],
  [16, 16],
  [1030, 3],
] as const

/** What float32 keeps of normal deviates. */
function float32Matrix(m: number, n: number): Matrix {
  const A = random.normal([m, n], { seed: m + n })
  A.data.forEach((x, i) => (A.data[i] = Math.fround(x)))
  return A
}

export const entryLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'columns, rows and the diagonal are the entries, in any order and more than once': async (gpu) => {
    for (const [m, n] of shapes) {
      const A = float32Matrix(m, n)
      const onGpu = await gpu.matrix(A)
      const { handles } = gpu.stats()
      for (const count of [1, 5, 40]) {
        const J = Int32Array.from({ length: count }, (_, t) => (7 * t + 3) % n)
        const I = Int32Array.from({ length: count }, (_, t) => (11 * t + 5) % m)
        const [columns, rows] = [zeros([m, count]), zeros([count, n])]
        for (let i = 0; i < m; i++) J.forEach((j, t) => columns.set(i, t, A.get(i, j)))
        for (let j = 0; j < n; j++) I.forEach((i, t) => rows.set(t, j, A.get(i, j)))
        const before = gpu.stats().bytesUp
        equal(await onGpu.columns(J), columns)
        if (gpu.backend === 'webgpu') {
          const up = (gpu.stats().bytesUp - before) / 4
          assert(up <= 32 * (m + count + 64), `${up} numbers went up for ${count} columns of ${m}×${n}`)
        }
        equal(await onGpu.rows(I), rows)
      }
      const diagonal = await onGpu.diagonal()
      assert(diagonal.length === Math.min(m, n), 'length')
      diagonal.forEach((x, i) => assert(x === A.get(i, i), `diagonal ${i}`))
      equal(await onGpu.columns(new Int32Array(0)), zeros([m, 0]))
      await rejects('SHAPE', () => onGpu.columns(Int32Array.of(n)))
      await rejects('SHAPE', () => onGpu.rows(Int32Array.of(-1)))
      assert(gpu.stats().handles === handles, 'handles')
      onGpu.dispose()
      await rejects('DISPOSED', () => onGpu.columns(Int32Array.of(0)))
      await rejects('DISPOSED', () => onGpu.gram())
    }
  },

  'the Gram matrix is AᵀA within the rounding of float32, and symmetric': async (gpu) => {
    for (const [m, n] of shapes) {
      const A = float32Matrix(m, n)
      const onGpu = await gpu.matrix(A)
      const { handles } = gpu.stats()
      const G = await onGpu.gram()
      within(G, gram(A), gram(absolute(A)), m)
      equal(G, transpose(G))
      assert(gpu.stats().handles === handles, 'handles')
      onGpu.dispose()
    }
    const huge = await gpu.matrix([[1e200]])
    await rejects('NOT_FINITE', () => huge.gram())
    huge.dispose()
  },

  'lengths of rows are those of float64, whatever their size': async (gpu) => {
    for (const [m, n] of shapes) {
      const A = float32Matrix(m, n)
      for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) A.set(i, j, A.get(i, j) * 2 ** -(i % 90))
      const onGpu = await gpu.matrix(A)
      const norms = await onGpu.rowNorms()
      assert(norms.length === m, 'length')
      norms.forEach((length, i) => {
        const exact = norm([A.data.subarray(i * n, i * n + n)])
        assert(
          relative(length, exact) < 2 ** -24 * (8 + 2 * Math.sqrt(n)),
          `row ${i}: ${length} for ${exact}`,
        )
      })
      onGpu.dispose()
    }
    const A = zeros([2, 8192])
    A.data.fill(0.1, 8192)
    const onGpu = await gpu.matrix(A)
    const [none, length] = await onGpu.rowNorms()
    // A naive sum of as many equal squares errs by some 10⁻⁵.
    const exact = Math.fround(0.1) * Math.sqrt(8192)
    assert(none === 0 && relative(length!, exact) < 32 * 2 ** -24, `length ${length}`)
    onGpu.dispose()
  },

  'matrices without entries have empty rows and columns': async (gpu) => {
    const A = await gpu.matrix(zeros([0, 3]))
    assert(
      (await A.gram()).data.every((x) => x === 0),
      'gram',
    )
    assert((await A.rowNorms()).length === 0 && (await A.diagonal()).length === 0, 'norms')
    equal(await A.columns(Int32Array.of(1)), zeros([0, 1]))
    A.dispose()
  },
}
