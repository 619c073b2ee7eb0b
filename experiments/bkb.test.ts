import { expect, test } from 'vitest'
import { kernelMatrix } from '../src/factorize/index.js'
import { matrix, random } from '../src/linalg/index.js'
import { solvers } from '../src/recipes/index.js'
import { record } from './support/record.js'

const ARMS = 1000
const ROUNDS = 300
const NOISE = 0.05
const SEEDS = [0, 1, 2, 3, 4]
const LENGTHS = { kernel: 'rbf', gamma: 1 / (2 * 0.2 ** 2) } as const

/** Points of the unit square, and a function on them: ten bumps of the kernel, from 0 to 1. */
function problem(seed: number): { X: ReturnType<typeof matrix>; f: Float64Array } {
  const X = random.uniform([ARMS, 2], { seed })
  const centres = random.uniform([10, 2], { seed: 1000 + seed })
  const heights = random.normal([10, 1], { seed: 2000 + seed })
  const f = kernelMatrix(centres, LENGTHS).cross(X).matmat(heights).data
  const [low, high] = [Math.min(...f), Math.max(...f)]
  return { X, f: f.map((value) => (value - low) / (high - low)) }
}

/** The regret of each round, and the dictionary's size. */
function play(seed: number, choose: (arm: (t: number) => number) => void): void {
  void seed
  void choose
}
void play

interface Run {
  readonly regret: Float64Array
  readonly sizes: Int32Array
}

function bandit(seed: number, qbar: number): Run {
  const { X, f } = problem(seed)
  const noise = random.normal([ROUNDS], { seed: 3000 + seed }).data
  const gp = solvers.bkb({ arms: X, ...LENGTHS, noise: NOISE ** 2, qbar, beta: 1, seed })
  const [regret, sizes] = [new Float64Array(ROUNDS), new Int32Array(ROUNDS)]
  for (let t = 0; t < ROUNDS; t++) {
    const arm = gp.next()
    sizes[t] = gp.dictionary.length
    regret[t] = 1 - f[arm]!
    gp.tell(arm, f[arm]! + NOISE * noise[t]!)
  }
  return { regret, sizes }
}

function atRandom(seed: number): Run {
  const { f } = problem(seed)
  const u = random.uniform([ROUNDS], { seed: 4000 + seed }).data
  return {
    regret: Float64Array.from(u, (value) => 1 - f[Math.floor(ARMS * value)]!),
    sizes: new Int32Array(ROUNDS),
  }
}

const sum = (x: ArrayLike<number>, from = 0, to = x.length): number =>
  Array.from(x).slice(from, to).reduce((a, b) => a + b, 0)
const mean = (x: number[]): number => sum(x) / x.length

test('no regret, with a dictionary that stays small', () => {
  const ways: Record<string, (seed: number) => Run> = {
    'BKB, q̄ = 2': (seed) => bandit(seed, 2),
    'BKB, q̄ = 5': (seed) => bandit(seed, 5),
    'everything kept (GP-UCB)': (seed) => bandit(seed, 1e9),
    'arms at random': atRandom,
  }
  const rows = Object.entries(ways).map(([name, way]) => {
    const start = performance.now()
    const runs = SEEDS.map(way)
    console.warn(name, performance.now() - start)
    const column = (pick: (run: Run) => number): number => mean(runs.map(pick))
    return [
      name,
      column(({ regret }) => sum(regret)),
      column(({ regret }) => sum(regret, 0, 100) / 100),
      column(({ regret }) => sum(regret, 200, 300) / 100),
      ...[50, 100, 200, 299].map((t) => column(({ sizes }) => sizes[t]!)),
    ] as const
  })
  console.warn(rows)
  expect(record).toBeDefined()
})
