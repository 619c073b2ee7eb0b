import { lawsHold } from './ways.js'

// GPU.js's kernels on whole operands are what webgl2 runs, in Chromium.
lawsHold("webgpu by GPU.js's kernels, in blocks of sides of 48", 'webgpu', {
  form: 'gpujs',
  limits: { side: 48, columns: 16 },
})
