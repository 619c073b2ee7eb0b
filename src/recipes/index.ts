export * as solvers from './solvers/index.js'
