import { create } from 'webgpu'

// WebGPU in Node: Dawn on SwiftShader, which has to be in the environment when the process starts. scripts/
// test.ts sets it; without it these tests are skipped loudly, and with CI=true they fail.

/** The entry point, or undefined. */
export const entry: GPU | undefined = find()

function find(): GPU | undefined {
  if (process.env['VK_DRIVER_FILES']) return create([])
  const message = 'No VK_DRIVER_FILES: the WebGPU tests need `npm test`, which sets it.'
  if (process.env['CI'] === 'true') throw new Error(message)
  console.warn(`SKIPPED: all WebGPU tests in Node. ${message}`)
  return undefined
}
