import Benchmark from 'benchmark'

/** One way of doing the work of a case. */
export interface Contender {
  readonly name: string
  /** Does the work once. */
  readonly run?: () => unknown
  /** Or has it done elsewhere, and answers with the seconds it took; undefined where that is not to be had. */
  readonly elsewhere?: () => Promise<number | undefined>
  /** Takes seconds: timed in the first round alone. */
  readonly slow?: boolean
  /** Throws where the answer is wrong; called after the timing. */
  readonly check?: () => void
}

export interface Case {
  readonly title: string
  /** Floating-point operations of the work, where that is a meaningful number. */
  readonly flops?: number
  readonly contenders: readonly Contender[]
  /** Lines to be printed under the table. */
  readonly notes?: readonly string[]
}

export interface Timing {
  readonly name: string
  /** The least seconds of all rounds. */
  readonly seconds: number | undefined
}

export interface Effort {
  readonly rounds: number
  /** Seconds for each contender in each round. */
  readonly maxTime: number
  /** Seconds that one sample lasts at least; 0 makes each sample a single call. */
  readonly minTime: number
}

/**
 * Times the contenders in turns, A B C A B C …, so that a machine that slows down slows them all, and takes
 * the least of each: noise only ever adds. The first turn of each is a warm-up that does not count.
 */
export async function interleaved(contenders: readonly Contender[], effort: Effort): Promise<Timing[]> {
  const best = contenders.map((): number | undefined => undefined)
  for (let round = 0; round <= effort.rounds; round++) {
    for (const [i, contender] of rotated([...contenders.entries()], round)) {
      if (contender.slow && round !== 1) continue
      const seconds = await timed(contender, contender.slow ? { ...effort, maxTime: 0 } : effort)
      if (round > 0 && seconds !== undefined) best[i] = Math.min(best[i] ?? Infinity, seconds)
    }
  }
  for (const contender of contenders) contender.check?.()
  return contenders.map(({ name }, i) => ({ name, seconds: best[i] }))
}

/** Who comes first may profit or suffer from it, so everyone does in turn. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  return items.map((_, i) => items[(i + by) % items.length]!)
}

const leastOf = (benchmark: Benchmark): number => Math.min(...(benchmark.stats.sample as number[]))

async function timed(contender: Contender, { maxTime, minTime }: Effort): Promise<number | undefined> {
  if (contender.elsewhere) return contender.elsewhere()
  // benchmark.js takes the text of a function that it can recompile; what a closure holds, it calls as it is.
  const work = contender.run!
  const options = { maxTime, minTime: Math.max(minTime, 1e-6), minSamples: contender.slow ? 1 : 3 }
  const benchmark = new Benchmark(contender.name, work, options)
  benchmark.run({ async: false })
  const failure = (benchmark as unknown as { error?: unknown }).error
  if (failure !== undefined) throw failure instanceof Error ? failure : new Error(JSON.stringify(failure))
  return leastOf(benchmark)
}

/** The same for one contender that answers with Promises, by benchmark.js's deferred runs. */
export function timedAsync(
  name: string,
  work: () => Promise<unknown>,
  { maxTime, minTime }: Effort,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { defer: true, maxTime, minTime: Math.max(minTime, 1e-6), minSamples: 2, delay: 0.001 }
    const benchmark = new Benchmark(
      name,
      (deferred: { resolve(): void }) => {
        work().then(() => {
          deferred.resolve()
        }, reject)
      },
      options,
    )
    benchmark.on('complete', () => {
      resolve(leastOf(benchmark))
    })
    benchmark.run({ async: true })
  })
}
