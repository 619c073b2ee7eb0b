export * as adapters from './adapters/index.js'
export * as solvers from './solvers/index.js'
