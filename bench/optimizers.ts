import { matmul, random, svd } from '../src/index.js'
import { optimizers } from '../src/recipes/index.js'
import type { Case } from './measure.js'

// A step of a projected optimizer beside the two products that it cannot do without, and its bases.

export const PRODUCTS = 'its two products, lowrank matmul'
export const EXACT = 'lowrank galore, exact SVD'

type Optimizer = ReturnType<typeof optimizers.create>

/** Updates with the subspace that the first one chose. */
function stepOf(optimizer: Optimizer, n: number): () => unknown {
  const [W, G] = [random.normal([n, n], { seed: 1 }), random.normal([n, n], { seed: 2 })]
  const { state } = optimizer.update({ W: G }, optimizer.init({ W }), { W })
  return () => optimizer.update({ W: G }, state, { W })
}

export function projectedStep(n: number, rank: number): Case {
  const G = random.normal([n, n], { seed: 2 })
  const Q = random.normal([n, rank], { seed: 3 })
  const common = { learningRate: 1e-3, rank, updateProjGap: 1_000_000 }
  return {
    title: `A step of a projected optimizer, ${n}×${n}, rank ${rank}, between two choices of its basis`,
    flops: 4 * n * n * rank,
    contenders: [
      { name: 'lowrank galore', run: stepOf(optimizers.galore(common), n) },
      {
        name: PRODUCTS,
        run: () => matmul(matmul(G, Q), Q, { transB: true }),
      },
      { name: 'lowrank fira', run: stepOf(optimizers.fira(common), n) },
      { name: 'lowrank naturalGalore', run: stepOf(optimizers.naturalGalore(common), n) },
      {
        name: 'lowrank dctProjection, a choice at each step',
        run: stepOf(optimizers.dctProjection({ learningRate: 1e-3, rank }), n),
      },
      { name: 'lowrank adamw', run: stepOf(optimizers.adamw({ learningRate: 1e-3 }), n) },
    ],
  }
}

/** What a step costs that chooses its basis. */
export function projectionChoice(n: number, rank: number): Case {
  const [W, G] = [random.normal([n, n], { seed: 1 }), random.normal([n, n], { seed: 2 })]
  const first = (optimizer: Optimizer) => () => optimizer.update({ W: G }, optimizer.init({ W }), { W })
  const common = { learningRate: 1e-3, rank }
  return {
    title: `A step that chooses its basis, ${n}×${n}, rank ${rank}`,
    contenders: [
      { name: 'lowrank dctProjection', run: first(optimizers.dctProjection(common)) },
      {
        name: EXACT,
        run: first(optimizers.galore({ ...common, svd: 'exact' })),
        slow: true,
      },
      { name: 'lowrank galore, randomized SVD', run: first(optimizers.galore(common)) },
      { name: 'lowrank svd alone', run: () => svd(G), slow: true },
    ],
  }
}
