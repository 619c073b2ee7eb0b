import { lawsHold } from './ways.js'

// The laws on every backend that Node has, and with operands cut into blocks; on webgpu in files of their own.

lawsHold('cpu', 'cpu')
lawsHold('webasm', 'webasm')
lawsHold('webasm in blocks of 64 numbers', 'webasm', { limits: { bytes: 256 } })
