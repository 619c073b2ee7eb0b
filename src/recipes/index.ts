export * as optimizers from './optimizers/index.js'
export * as solvers from './solvers/index.js'
