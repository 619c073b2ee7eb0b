import { lawsHold } from './ways.js'

lawsHold('webgpu in blocks of sides of 48', 'webgpu', { limits: { side: 48, columns: 16 } })
