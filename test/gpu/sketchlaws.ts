import {
  adjoint,
  countSketch,
  gaussian,
  leverageScores,
  lstsq,
  rademacher,
  random,
  rowSampling,
  scaled,
  sketchedLstsq,
  sparseSign,
  srht,
  srtt,
  transpose,
} from '../../src/index.js'
import type { Matrix, Sketch } from '../../src/index.js'
import type { Gpu } from '../../src/gpu/index.js'
import { assert, copy, isOperator, near, nearTransform, rejects, relative } from './laws.js'

/** Every sketch of d × n. */
const sketches = (d: number, n: number, seed: number): Record<string, Sketch> => ({
  gaussian: gaussian([d, n], { seed }),
  rademacher: rademacher([d, n], { seed }),
  sparseSign: sparseSign([d, n], { seed }),
  countSketch: countSketch([d, n], { seed }),
  srht: srht([d, n], { seed }),
  srtt: srtt([d, n], { seed }),
  rowSampling: rowSampling([d, n], { seed }),
})

/** Column j of the identity of n, for j in steps, and the columns that are asked for. */
function someColumns(n: number): { J: number[]; E: Matrix } {
  const J = Array.from({ length: Math.min(n, 40) }, (_, t) => Math.floor((t * n) / Math.min(n, 40)))
  const E = random.normal([n, J.length])
  E.data.fill(0)
  J.forEach((j, t) => E.set(j, t, 1))
  return { J, E }
}

export const sketchLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'a sketch on the device is the matrix that it is on the host': async (gpu) => {
    for (const [d, n] of [[18, 133]] as const) {
      for (const [name, S] of Object.entries(sketches(d, n, 7))) {
        const { handles } = gpu.stats()
        await named(name, async () =>
          isOperator(gpu, await gpu.sketch(S), S.toDense(), handles, closeness(name)),
        )
      }
    }
  },

  'signs and buckets are those of the host to the bit, wherever they are made': async (gpu) => {
    for (const seed of [0, 2 ** 53 - 77]) {
      for (const [d, n] of [
        [1, 1],
        [37, 300],
      ] as const) {
        for (const make of [rademacher, countSketch, sparseSign]) {
          const S = make([d, n], { seed })
          const onGpu = await gpu.sketch(S)
          const { J, E } = someColumns(n)
          const entries = S.toDense()
          const answer = await onGpu.matmat(E)
          for (let i = 0; i < d; i++) {
            J.forEach((j, t) => {
              const [made, wanted] = [answer.get(i, t), Math.fround(entries.get(i, j))]
              assert(
                made === wanted,
                `${make.name} ${d}×${n}, seed ${seed}, (${i}, ${j}): ${made} for ${wanted}`,
              )
            })
          }
          onGpu.dispose()
        }
      }
    }
  },

  'normals are those of the host to the rounding of float32': async (gpu) => {
    for (const [seed, d, n] of [
      [1, 97, 101],
      [2 ** 45 + 3, 3, 500],
    ] as const) {
      const S = gaussian([d, n], { seed })
      const onGpu = await gpu.sketch(S)
      const { J, E } = someColumns(n)
      const answer = await onGpu.matmat(E)
      const entries = S.toDense()
      for (let i = 0; i < d; i++) {
        J.forEach((j, t) => {
          const [made, wanted] = [answer.get(i, t), entries.get(i, j)]
          // A few roundings of each of its factors, and what an angle near a quarter loses.
          const room = 2 ** -24 * (10 * Math.abs(wanted) + 2 ** -20)
          assert(Math.abs(made - wanted) <= room, `(${i}, ${j}): ${made} for ${wanted}`)
        })
      }
      onGpu.dispose()
    }
  },

  'S·A and S·Aᵀ of a resident matrix are what the entries of S say': async (gpu) => {
    for (const [m, n, d] of [
      [130, 21, 12],
      [5, 40, 5],
    ] as const) {
      const A = random.normal([m, n], { seed: 1 })
      const onGpu = await gpu.matrix(A)
      const { handles } = gpu.stats()
      for (const [name, S] of Object.entries(sketches(d, m, 3)).concat(
        Object.entries(sketches(Math.min(d, n), n, 4)),
      )) {
        await named(`${name} ${S.shape.join('×')}`, async () => {
          const close = closeness(name)
          if (S.shape[1] === m) close(await onGpu.sketched(S.form), S.toDense(), A)
          if (S.shape[1] === n) close(await onGpu.sketched(S.form, true), S.toDense(), copy(transpose(A)))
          assert(gpu.stats().handles === handles, 'handles')
        })
      }
      await rejects('SHAPE', () => onGpu.sketched(gaussian([3, m + 1]).form))
      onGpu.dispose()
      await rejects('DISPOSED', () => onGpu.sketched(gaussian([3, m]).form))
    }
  },

  'sketchedLstsq and leverageScores of a resident matrix are those of the matrix': async (gpu) => {
    const [m, n] = [260, 6]
    const A = random.normal([m, n], { seed: 1 })
    const b = random.normal([m], { seed: 2 }).data
    const onGpu = await gpu.matrix(A)
    const exact = lstsq(A, b).X
    for (const sketch of [undefined, gaussian([60, m]), srht([60, m]), countSketch([90, m])]) {
      const { x } = await sketchedLstsq(onGpu, b, { ...(sketch && { sketch }) })
      exact.forEach((value, i) => assert(Math.abs(x[i]! - value) < 1e-5, `x[${i}]: ${x[i]} for ${value}`))
    }
    const scores = await leverageScores(onGpu, { method: 'approximate', seed: 3 })
    leverageScores(A, { method: 'approximate', seed: 3 }).forEach((score, i) =>
      assert(relative(scores[i]!, score) < 1e-4, `score ${i}: ${scores[i]} for ${score}`),
    )
    const y = random.normal([n], { seed: 4 }).data
    const short = lstsq(transpose(A), y).X
    const wide = await sketchedLstsq(adjoint(onGpu), y, { sketch: rademacher([60, m]) })
    short.forEach((value, i) => assert(Math.abs(wide.x[i]! - value) < 1e-5, `x[${i}] of Aᵀ`))
    onGpu.dispose()
  },

  'Aᵀ and c·A pass sketches on': async (gpu) => {
    const A = random.normal([20, 9], { seed: 1 })
    const onGpu = await gpu.matrix(A)
    const S = gaussian([4, 20], { seed: 2 })
    near(await adjoint(onGpu).sketched!(S.form, true), S.toDense(), A)
    const twice = copy(A)
    twice.data.forEach((a, i) => (twice.data[i] = 2 * a))
    near(await scaled(onGpu, 2).sketched!(S.form), S.toDense(), twice)
    onGpu.dispose()
  },

  'of a sketch of a resident matrix only the answer crosses, and what S is made of': async (gpu) => {
    if (gpu['internals'].limits || !['webgpu', 'webgl2'].includes(gpu.backend)) return
    const [m, n, d] = [400, 8, 24]
    const A = await gpu.matrix(random.normal([m, n], { seed: 1 }))
    const made = (seed: number): [Sketch, number][] => [
      [rademacher([d, m], { seed }), 512],
      // 8 bytes a nonzero, padded to a power of two in each row.
      [countSketch([d, m], { seed }), 8 * 64 * d],
      [srht([d, m], { seed }), 4 * (512 + 2 * 512 + 2 * d) + 4096],
      [gaussian([d, m], { seed }), gpu['engine'].shade ? 512 : 4 * d * m],
    ]
    for (const [S, bytes] of made(1)) {
      const before = gpu.stats()
      await A.sketched(S.form)
      const { bytesUp, bytesDown, handles } = gpu.stats()
      const down = bytesDown - before.bytesDown
      assert(down === 4 * d * n, `${S.form.making.kind}: ${down} bytes down`)
      const up = bytesUp - before.bytesUp
      assert(up <= bytes, `${S.form.making.kind}: ${up} bytes up, ${bytes} expected`)
      assert(handles === before.handles, 'handles')
    }
    A.dispose()
  },

  'what is no sketch is said': async (gpu) => {
    const { handles } = gpu.stats()
    await rejects('SHAPE', () => gpu.sketch(undefined as unknown as Sketch))
    await rejects('SHAPE', () => gpu.sketch({ ...gaussian([2, 3]), form: undefined } as unknown as Sketch))
    assert(gpu.stats().handles === handles, 'handles')
  },
}

const closeness = (name: string): typeof near => (name === 'srht' ? nearTransform : near)

async function named(name: string, law: () => Promise<unknown>): Promise<void> {
  try {
    await law()
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
  }
}
