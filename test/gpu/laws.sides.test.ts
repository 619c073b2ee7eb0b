import { lawsHold } from './ways.js'

lawsHold('webgpu in blocks of sides of 16', 'webgpu', { limits: { side: 16, columns: 8 } })
