import { lawsHold } from './ways.js'

lawsHold('webgpu by kernels of GPU.js', 'webgpu', { form: 'gpujs' })
