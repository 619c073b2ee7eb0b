// Seconds for the pages: what a run took of the processor, which other programs beside it change little, and so rounded
// that a page changes only where a run does.

/** What `work` answers with, and the processor's seconds that it took. */
export function cpuSeconds<T>(work: () => T): { readonly result: T; readonly seconds: number } {
  const before = process.cpuUsage()
  const result = work()
  const { user, system } = process.cpuUsage(before)
  return { result, seconds: (user + system) / 1e6 }
}

/** The nearest of 1, 2 and 5 times a power of ten. */
export function aboutSeconds(seconds: number): string {
  const exponent = Math.floor(Math.log10(seconds))
  const steps = [1, 2, 5, 10].map((step) => step * 10 ** exponent)
  const distance = (step: number): number => Math.abs(Math.log(step / seconds))
  const nearest = steps.reduce((best, step) => (distance(step) < distance(best) ? step : best))
  return String(Number(nearest.toPrecision(1)))
}
