import { lawsHold } from './ways.js'

lawsHold('webgpu', 'webgpu')
lawsHold('webgpu in blocks of 2048 numbers', 'webgpu', { limits: { bytes: 8192 } })
