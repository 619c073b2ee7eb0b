import { lawsHold } from './ways.js'

lawsHold('webgpu in blocks of sides of 32', 'webgpu', { limits: { side: 32, columns: 8 } })
