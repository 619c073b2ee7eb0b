import { completeMatrix, matmul, observed, random } from '../src/index.js'
import type { CompleteMatrixOptions, ObservedOperand } from '../src/index.js'
import type { Case, Timing } from './measure.js'

// Whole completions without noise, to the same error, for some ranks: how their times grow with it.

const RANKS = [8, 16, 32, 64]
/** The relative residual that both methods have to reach. */
const GOAL = 1e-6
const METHODS = ['als', 'sketched'] as const

/** `n` × `n` of rank k, with `part` of its entries. */
function problem(n: number, part: number, k: number): ObservedOperand {
  const A = matmul(random.normal([n, k], { seed: 1 }), random.normal([k, n], { seed: 2 }))
  const u = random.uniform([n, n], { seed: 3 }).data
  const rows: number[] = []
  const cols: number[] = []
  const values: number[] = []
  for (let e = 0; e < n * n; e++) {
    if (u[e]! >= part) continue
    rows.push(Math.floor(e / n))
    cols.push(e % n)
    values.push(A.data[e]!)
  }
  return observed({ shape: [n, n], rows, cols, values })
}

/** Sweeps until the goal is met. */
function sweepsOf(M: ObservedOperand, options: CompleteMatrixOptions): number {
  const { history } = completeMatrix(M, { ...options, iterations: 40, rtol: 0.5 })
  const first = history.findIndex(({ residual }) => residual <= GOAL)
  if (first < 0) throw new Error(`${options.method} does not reach ${GOAL}`)
  return first + 1
}

const nameOf = (method: string, k: number): string => `${method}, rank ${k}`

export function completionGrowth(n: number, part: number): Case {
  return {
    title: `Completion of ${n}×${n} matrices, ${Math.round(n * part)} entries in each row, to a residual of ${GOAL}`,
    contenders: RANKS.flatMap((k) => {
      const M = problem(n, part, k)
      return METHODS.map((method) => {
        const options = { rank: k, method, rtol: 0 } as const
        const iterations = sweepsOf(M, options)
        return {
          name: nameOf(method, k),
          run: () => completeMatrix(M, { ...options, iterations }),
          slow: true,
        }
      })
    }),
  }
}

/** The exponent of k in the seconds of a method, by least squares. */
export function completionExponent(timings: readonly Timing[], method: 'als' | 'sketched'): number {
  const points = RANKS.flatMap((k) => {
    const seconds = timings.find(({ name }) => name === nameOf(method, k))?.seconds
    return seconds === undefined ? [] : [[Math.log(k), Math.log(seconds)] as const]
  })
  const mean = (t: 0 | 1): number => points.reduce((sum, point) => sum + point[t], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const over = points.reduce((sum, [a]) => sum + (a - x) ** 2, 0)
  return points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / over
}
