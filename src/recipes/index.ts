export * as solvers from './solvers/index.js'
export * as weights from './weights/index.js'
