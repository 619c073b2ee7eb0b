export * as adapters from './adapters/index.js'
export * as solvers from './solvers/index.js'
export * as weights from './weights/index.js'
