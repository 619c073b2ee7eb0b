import { matmul, random, transpose } from '../../src/index.js'
import type { Gpu } from '../../src/gpu/index.js'
import { withScratch } from '../../src/gpu/engines/engine.js'
import type { KernelSource } from '../../src/gpu/engines/engine.js'
import { assert, near } from './laws.js'

// What the layer below the operands promises: arrays stay where they are, kernels take them in any mixture, and
// nothing is left behind.

const add = (size: readonly number[]): KernelSource => {
  const at = ['[this.thread.z]', '[this.thread.y]', '[this.thread.x]'].slice(3 - size.length).join('')
  return { source: `function (a, b) { return a${at} + 2 * b${at}; }`, output: size }
}

/** Small integers, which float32 adds exactly. */
const counted = (length: number, first: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => first + (i % 97))

export const kernelLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'kernels of one, two and three dimensions take arrays that passed or stayed, and what kernels made': async (
    gpu,
  ) => {
    const engine = gpu['engine']
    const before = gpu.stats().handles
    for (const size of [[7], [5, 3], [4, 3, 5], [1], [130, 2], [3, 1, 1]]) {
      const length = size.reduce((product, side) => product * side, 1)
      await withScratch(async (own) => {
        const [x, y] = [counted(length, 1), counted(length, 5)]
        for (const [one, other] of [
          ['held', 'passing'],
          ['passing', 'held'],
          ['passing', 'passing'],
          ['held', 'held'],
        ] as const) {
          const a = own(await engine.array(x, size, one))
          const b = own(await engine.array(y, size, other))
          const made = own(await engine.run(add(size), [a, b]))
          const again = own(await engine.run(add(size), [made, b]))
          const first = await engine.read(made)
          const second = await engine.compute(add(size), [again, a])
          const third = await engine.read(again)
          for (let i = 0; i < length; i++) {
            assert(first[i] === x[i]! + 2 * y[i]!, `${size.join('×')}, entry ${i}: ${first[i]}`)
            assert(third[i] === x[i]! + 4 * y[i]!, `${size.join('×')}, entry ${i} of the next: ${third[i]}`)
            assert(
              second[i] === 3 * x[i]! + 4 * y[i]!,
              `${size.join('×')}, entry ${i} of the last: ${second[i]}`,
            )
          }
        }
      })
    }
    assert(gpu.stats().handles === before, `${gpu.stats().handles} handles, ${before} before`)
  },

  'the same kernel on arrays of other sizes does not remember the first': async (gpu) => {
    const engine = gpu['engine']
    const sum: (n: number) => KernelSource = () => ({
      source: 'function (a, n) { let s = 0; for (let i = 0; i < n[0]; i++) { s += a[i]; } return s; }',
      output: [1],
    })
    for (const n of [5, 3, 1200, 9]) {
      await withScratch(async (own) => {
        const a = own(await engine.array(new Float32Array(n).fill(1), [n], 'passing'))
        const length = own(await engine.array(Float32Array.of(n), [1], 'passing'))
        const [answer] = await engine.compute(sum(n), [a, length])
        assert(answer === n, `the sum of ${n} ones: ${answer}`)
      })
    }
  },

  'products of resident matrices stay on the device': async (gpu) => {
    const engine = gpu['engine']
    const [m, n, k] = [37, 22, 8]
    const [A, X, Y] = [
      random.normal([m, n], { seed: 1 }),
      random.normal([n, k], { seed: 2 }),
      random.normal([m, k]),
    ]
    const padded = (M: typeof A, rows: number): Float32Array => {
      const out = new Float32Array(rows * k)
      out.set(M.data)
      return out
    }
    await withScratch(async (own) => {
      const block = own(
        await engine.upload(m, n, (first, count) => {
          const data = new Float32Array(count * 24)
          for (let i = 0; i < count && first + i < m; i++)
            data.set(A.data.subarray((first + i) * n, (first + i + 1) * n), i * 24)
          return data
        }),
      )
      const x = own(await engine.array(padded(X, 24), [k, 24], 'held'))
      const y = own(await engine.array(padded(Y, 40), [k, 40], 'held'))
      const AX = own(await engine.product(block, false, x))
      const AtY = own(await engine.product(block, true, y))
      assert(
        AX.size.join() === `${k},40` && AtY.size.join() === `${k},24`,
        `${AX.size.join()} ${AtY.size.join()}`,
      )
      const matrixOf = (data: Float32Array, rows: number) => {
        const M = random.normal([rows, k])
        M.data.set(data.subarray(0, rows * k))
        return M
      }
      near(matrixOf(await engine.read(AX), m), A, X)
      near(matrixOf(await engine.read(AtY), n), transpose(A), Y)
      const AtAX = await engine.read(own(await engine.product(block, true, AX)))
      const exact = matmul(transpose(A), matmul(A, X))
      exact.data.forEach((value, i) =>
        assert(Math.abs(AtAX[i]! - value) < 1e-3, `AᵀAX ${i}: ${AtAX[i]} for ${value}`),
      )
    })
  },

  'what is not finite passes through kernels, so that the host finds it': async (gpu) => {
    const engine = gpu['engine']
    await withScratch(async (own) => {
      const x = Float32Array.of(NaN, Infinity, -Infinity, 1)
      const [a, b] = [own(await engine.array(x, [4], 'held')), own(await engine.array(x, [4], 'passing'))]
      const copy = await engine.read(a)
      const sum = await engine.compute(add([4]), [a, b])
      x.forEach((value, i) => {
        assert(Object.is(copy[i], value), `${value} copied is ${copy[i]}`)
        assert(Object.is(sum[i], 3 * value), `3·${value} is ${sum[i]}`)
      })
    })
  },

  'what crosses is counted': async (gpu) => {
    const before = gpu.stats()
    const A = await gpu.matrix(random.normal([64, 32], { seed: 1 }))
    const uploaded = gpu.stats()
    assert(uploaded.bytesUp - before.bytesUp >= 4 * 64 * 32, `${uploaded.bytesUp - before.bytesUp} bytes up`)
    assert(uploaded.handles > before.handles, `${uploaded.handles} handles`)
    await A.matmat(random.normal([32, 4], { seed: 2 }))
    const multiplied = gpu.stats()
    assert(
      multiplied.bytesDown - uploaded.bytesDown >= 4 * 64 * 4,
      `${multiplied.bytesDown - uploaded.bytesDown} down`,
    )
    assert(multiplied.dispatches > uploaded.dispatches, 'dispatches')
    assert(multiplied.handles === uploaded.handles, `${multiplied.handles} handles after a product`)
    A.dispose()
    assert(gpu.stats().handles === before.handles, 'handles after all')
  },
}

/** What holds where arrays are as large as the device has them; in small blocks it would take minutes. */
export const largeLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'places beyond 2^24 are found': async (gpu) => {
    // More numbers than float32 counts, all zero but some near both ends: a flat index would meet a neighbour.
    const [m, n] = [4104, 4096]
    const rows = Array.from({ length: m }, () => new Float32Array(n))
    const places = [
      [0, 1, 3],
      [4095, 4095, 5],
      [4096, 1, 7],
      [4097, 2, 11],
      [4103, 4095, 13],
    ] as const
    for (const [i, j, value] of places) rows[i]![j] = value
    const A = await gpu.matrix(rows)
    const X = random.normal([n, 1], { seed: 1 })
    const { data } = await A.matmat(X)
    const exact = new Float64Array(m)
    for (const [i, j, value] of places) exact[i] = value * X.data[j]!
    exact.forEach((value, i) =>
      assert(Math.abs(data[i]! - value) < 1e-5, `row ${i}: ${data[i]} for ${value}`),
    )
    A.dispose()
  },
}
