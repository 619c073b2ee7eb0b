import { createRequire } from 'node:module'

// headlessgl is WebGL in Node by the package gl, which GPU.js asks for and an installation here leaves unbuilt. To run its
// tests: `npx node-gyp rebuild` in node_modules/gl, with pkg-config and the headers of libxi, libxext, libx11 and Mesa's
// libgl1; then `xvfb-run npm test -- test/gpu/headlessgl.test.ts`, since it wants a display.

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
