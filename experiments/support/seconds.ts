// Times for the pages: the least of several, which other programs on the machine change little, and so rounded that a page
// changes only where a time does.

/** What `work` answers with, and the processor's seconds for it: the fastest of three runs, or of as many as fit a second. */
export function cpuSeconds<T>(work: () => T): { readonly result: T; readonly seconds: number } {
  let [spent, seconds] = [0, Infinity]
  for (let run = 1; ; run++) {
    const before = process.cpuUsage()
    const result = work()
    const { user, system } = process.cpuUsage(before)
    const taken = (user + system) / 1e6
    seconds = Math.min(seconds, taken)
    spent += taken
    if (run === 3 || spent > 1) return { result, seconds }
  }
}

/** The nearest of 1, 2 and 5 times a power of ten. */
export function aboutTime(time: number): string {
  const exponent = Math.floor(Math.log10(time))
  const steps = [1, 2, 5, 10].map((step) => step * 10 ** exponent)
  const distance = (step: number): number => Math.abs(Math.log(step / time))
  const nearest = steps.reduce((best, step) => (distance(step) < distance(best) ? step : best))
  return String(Number(nearest.toPrecision(1)))
}
