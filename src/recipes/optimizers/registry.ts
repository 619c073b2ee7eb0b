import { byName, named } from '../byname.js'
import { adaBelief } from './adabelief.js'
import { adamw } from './adamw.js'
import { dctProjection } from './dctprojection.js'
import { fira } from './fira.js'
import { frugal } from './frugal.js'
import { galore } from './galore.js'
import { mfac } from './mfac.js'
import { naturalGalore } from './naturalgalore.js'
import type { Optimizer } from './optimizer.js'
import { sgd } from './sgd.js'
import { sparseSpectralTraining } from './sparsespectraltraining.js'

const makers = {
  sgd,
  adamw,
  adaBelief,
  galore,
  naturalGalore,
  fira,
  frugal,
  dctProjection,
  mfac,
  sparseSpectralTraining,
}

type Makers = typeof makers
/** The names in the registry of optimizers. */
export type OptimizerName = keyof Makers

/** What is known of an optimizer. */
export interface OptimizerDescription {
  readonly name: OptimizerName
  readonly paper: string
  readonly year: number
  /**
   * Floats of state for one m × n matrix by the defaults, with r the rank, rho the density, s the history, and for M-FAC a
   * window of c gradients that is full.
   */
  readonly state: string
  /** Gradients c·G give the same updates, c > 0, but for eps. */
  readonly scaleInvariant: boolean
  /** Gradients Q·G·P, Q and P orthogonal, give updates Q·(…)·P. */
  readonly rotationEquivariant: boolean
  /** The update of a matrix has rank r at most, for the defaults and no weight decay. */
  readonly lowRankUpdates: boolean
}

const described: Readonly<Record<OptimizerName, Omit<OptimizerDescription, 'name'>>> = {
  sgd: {
    paper: 'Some methods of speeding up the convergence of iteration methods',
    year: 1964,
    state: 'm·n',
    scaleInvariant: false,
    rotationEquivariant: true,
    lowRankUpdates: false,
  },
  adamw: {
    paper: 'Decoupled weight decay regularization',
    year: 2019,
    state: '2·m·n',
    scaleInvariant: true,
    rotationEquivariant: false,
    lowRankUpdates: false,
  },
  adaBelief: {
    paper: 'AdaBelief optimizer: adapting stepsizes by the belief in observed gradients',
    year: 2020,
    state: '2·m·n',
    scaleInvariant: true,
    rotationEquivariant: false,
    lowRankUpdates: false,
  },
  galore: {
    paper: 'GaLore: memory-efficient LLM training by gradient low-rank projection',
    year: 2024,
    state: 'r·min(m, n) + 2·r·max(m, n)',
    scaleInvariant: true,
    rotationEquivariant: false,
    lowRankUpdates: true,
  },
  naturalGalore: {
    paper: 'Natural GaLore: accelerating GaLore for memory-efficient LLM training and fine-tuning',
    year: 2024,
    state: 'r·min(m, n) + (2 + s)·r·max(m, n) + s·s',
    scaleInvariant: false,
    rotationEquivariant: false,
    lowRankUpdates: true,
  },
  fira: {
    paper: 'Fira: can we achieve full-rank training of LLMs under low-rank constraint?',
    year: 2024,
    state: 'r·min(m, n) + 2·r·max(m, n)',
    scaleInvariant: true,
    rotationEquivariant: false,
    lowRankUpdates: false,
  },
  frugal: {
    paper: 'FRUGAL: memory-efficient optimization by reducing state overhead for scalable training',
    year: 2024,
    state: '2·m·floor(rho·n)',
    scaleInvariant: true,
    rotationEquivariant: false,
    lowRankUpdates: false,
  },
  dctProjection: {
    paper: 'SVD-free low-rank adaptive gradient optimization for large language models',
    year: 2025,
    state: '2·r·max(m, n)',
    scaleInvariant: true,
    rotationEquivariant: false,
    lowRankUpdates: true,
  },
  mfac: {
    paper: 'M-FAC: efficient matrix-free approximations of second-order information',
    year: 2021,
    state: 'c·m·n + c·c',
    scaleInvariant: false,
    rotationEquivariant: true,
    lowRankUpdates: false,
  },
  sparseSpectralTraining: {
    paper: 'Sparse spectral training and inference on Euclidean and hyperbolic neural networks',
    year: 2024,
    state: 'min(m, n)·(m + n + 3) + 2·r·(m + n)',
    scaleInvariant: true,
    rotationEquivariant: false,
    lowRankUpdates: false,
  },
}

/**
 * What optimizers there are: name, paper, year, floats of state as a formula, properties.
 *
 * @example
 * ```ts
 * import { optimizers } from 'lowrank/recipes'
 * optimizers.list().filter(({ lowRankUpdates }) => lowRankUpdates).map(({ name }) => name)   // galore, …
 * ```
 */
export function list(): OptimizerDescription[] {
  return named(described)
}

/**
 * The optimizer of a name: `create('galore', config)` is `galore(config)`.
 *
 * @throws OptionError for an unknown name, and what the optimizer throws.
 *
 * @example
 * ```ts
 * import { optimizers } from 'lowrank/recipes'
 * const optimizer = optimizers.create('galore', { learningRate: 0.01, rank: 4 })
 * ```
 */
export function create<Name extends OptimizerName>(
  name: Name,
  config: Parameters<Makers[Name]>[0],
): Optimizer {
  return (byName('optimizers.create', makers, name) as (config: object) => Optimizer)(config)
}
