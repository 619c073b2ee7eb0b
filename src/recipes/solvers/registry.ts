import { named } from '../byname.js'

const descriptions = {
  augmentedLagrangian: {
    paper: 'Constrained optimization via exact augmented Lagrangian and randomized iterative sketching',
    year: 2023,
    solves: 'a KKT point of min f(x) with c(x) = 0',
  },
  bkb: {
    paper: 'Gaussian process optimization with adaptive sketching: scalable and no regret',
    year: 2019,
    solves: 'the best of many arms, from noisy values of a function with a kernel',
  },
  blockCoordinateDescent: {
    paper: "Let's make block coordinate descent converge faster",
    year: 2022,
    solves: 'least squares or a convex quadratic, with or without l1',
  },
  chebCb: {
    paper: 'Learning to relax: setting solver parameters across a sequence of linear system instances',
    year: 2024,
    solves: 'the cheapest of some arms, as it depends on a number that is seen before',
  },
  codingRate: {
    paper:
      'Learning diverse and discriminative representations via the principle of maximal coding rate reduction',
    year: 2020,
    solves: 'how far groups of samples span different subspaces, and its gradient',
  },
  deepConjugateDirections: {
    paper: 'A deep conjugate direction method for iteratively solving linear systems',
    year: 2023,
    solves: 'A·x = b, A positive definite, along directions of the caller’s network',
  },
  funbat: {
    paper: 'Functional Bayesian Tucker decomposition for continuous-indexed tensor data',
    year: 2024,
    solves: 'a function of several coordinates, from scattered noisy values',
  },
  halpern: {
    paper: 'Variance reduced Halpern iteration for finite-sum monotone inclusions',
    year: 2024,
    solves: 'F(u) = 0 for a cocoercive F, a mean of many',
  },
  learningToRelax: {
    paper: 'Learning to relax: setting solver parameters across a sequence of linear system instances',
    year: 2024,
    solves: 'one system A·x = b after another by SOR, with an ω that is learned on the way',
  },
  linearAttentionRank: {
    paper: 'Breaking the low-rank dilemma of linear attention',
    year: 2025,
    solves: 'attention in linear time, of full rank',
  },
  lowRankQEstimation: {
    paper: 'Sample efficient reinforcement learning via low-rank matrix estimation',
    year: 2020,
    solves: 'the values and policy of a decision process whose Q has low rank, from samples',
  },
  scatterbrain: {
    paper: 'Scatterbrain: unifying sparse and low-rank attention approximation',
    year: 2021,
    solves: 'softmax attention, exact on a support and by random features elsewhere',
  },
  tsallisInf: {
    paper: 'Tsallis-INF: an optimal algorithm for stochastic and adversarial bandits',
    year: 2021,
    solves: 'the cheapest of some arms, whose costs an adversary may choose',
  },
} as const

/** The names in the registry of solvers: each is a function, `solvers[name]`, with arguments of its own. */
export type SolverName = keyof typeof descriptions

/** What is known of a solver without running it. */
export interface SolverDescription {
  readonly name: SolverName
  /** Its title. */
  readonly paper: string
  readonly year: number
  /** What is sought, from what. */
  readonly solves: string
}

/**
 * What solvers there are: name, paper, year, and what each solves. They have too little in common for a `create`.
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * for (const { name, solves } of solvers.list()) console.log(`${name}: ${solves}`)   // bkb: the best of many arms, …
 * ```
 */
export function list(): SolverDescription[] {
  return named(descriptions)
}
