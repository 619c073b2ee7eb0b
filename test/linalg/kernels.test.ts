import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { chooseKernels, kernelsInUse } from '../../src/linalg/wasm/load.js'
import { kernelChecks } from './kernelchecks.js'

for (const variant of ['plain', 'simd'] as const) {
  describe(`${variant} kernels`, () => {
    for (const [name, check] of Object.entries(kernelChecks(variant))) it(name, check, 120_000)
  })
}

describe('the choice of kernels', () => {
  it('prefers relaxed SIMD, then SIMD', () => {
    expect(['relaxed', 'simd']).toContain(kernelsInUse())
  })

  it('can be forced and undone', () => {
    const best = kernelsInUse()
    chooseKernels('plain')
    expect(kernelsInUse()).toBe('plain')
    chooseKernels('auto')
    expect(kernelsInUse()).toBe(best)
  })
})

/** Node 20 has relaxed SIMD behind a flag, which newer versions do not know. */
function relaxedFlags(): string[] {
  const flag = '--experimental-wasm-relaxed-simd'
  return spawnSync(process.execPath, [flag, '-e', '0']).status === 0 ? [flag] : []
}

it('relaxed kernels pass the same checks, in a process that has relaxed SIMD', () => {
  const script = fileURLToPath(new URL('relaxedkernels.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...relaxedFlags(), '--import', 'tsx', script],
    {
      encoding: 'utf8',
    },
  )
  expect(stderr + stdout).toMatch(/relaxed kernels: \d+ checks passed/)
  expect(status).toBe(0)
}, 120_000)
