import { lawsHold } from './ways.js'

lawsHold('webgpu', 'webgpu')
lawsHold('webgpu in blocks of 1024 numbers', 'webgpu', { limits: { bytes: 4096 } })
