import { createRequire } from 'node:module'

// headlessgl is WebGL in Node by the package gl, which GPU.js asks for and this repository leaves unbuilt. Where it is built
// (CONTRIBUTING.md says how) it wants a display: `xvfb-run npm test -- test/gpu/headlessgl.test.ts`.

/** Whether the package gl is there, and built. */
export const glFound: boolean = found()

function found(): boolean {
  try {
    createRequire(import.meta.url)('gl')
    return true
  } catch {
    return false
  }
}
