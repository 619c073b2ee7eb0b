import { describe, expect, test } from 'vitest'
import { openGpu } from '../../src/gpu/index.js'
import { laws } from './all.js'
import { glFound } from './gl.js'

// The laws on WebGL in Node. Without the package gl they are skipped, with a word on why.

const missing = await reason()
if (missing !== undefined) console.warn(`SKIPPED: all headlessgl tests. ${missing}`)

async function reason(): Promise<string | undefined> {
  if (!glFound) return 'The package gl is not installed, or not built.'
  try {
    const gpu = await openGpu({ backend: 'headlessgl' })
    gpu.dispose()
    return undefined
  } catch (error) {
    return `The package gl makes no context: is there a display (xvfb-run)? ${(error as Error).message}`
  }
}

describe.skipIf(missing !== undefined)('headlessgl', () => {
  test.each(Object.entries(laws))('%s', async (_, law) => {
    const gpu = await openGpu({ backend: 'headlessgl' })
    expect(gpu.backend).toBe('headlessgl')
    await law(gpu)
    gpu.dispose()
  })
})
