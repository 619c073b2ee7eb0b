import { Presets, SingleBar } from 'cli-progress'
import type { Progress } from '../src/index.js'

type OnProgress = (progress: Progress) => void

/** A bar in the terminal while `work` runs; nothing where the output is no terminal. */
export async function watched<T>(
  label: string,
  work: (onProgress: OnProgress) => T | Promise<T>,
): Promise<T> {
  const bar = new SingleBar(
    {
      format: `  {bar} {percentage}%  ${label}: {stage}`,
      barsize: 30,
      hideCursor: true,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  )
  bar.start(1, 0, { stage: 'starting' })
  try {
    return await work(({ stage, done, total }) => {
      bar.setTotal(total)
      bar.update(done, { stage })
    })
  } finally {
    bar.stop()
  }
}
