import { kernelsInUse } from '../../src/linalg/wasm/load.js'
import { kernelChecks } from './kernelchecks.js'

// Run by kernels.test.ts in a process that has relaxed SIMD.

if (kernelsInUse() !== 'relaxed') throw new Error(`${kernelsInUse()} kernels would run here`)
const checks = Object.entries(kernelChecks('relaxed'))
for (const [name, check] of checks) {
  try {
    check()
  } catch (cause) {
    throw new Error(`relaxed kernels: ${name}`, { cause })
  }
}
process.stdout.write(`relaxed kernels: ${checks.length} checks passed\n`)
