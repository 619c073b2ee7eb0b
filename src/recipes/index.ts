export * as compression from './compression/index.js'
export * as merging from './merging/index.js'
export * as solvers from './solvers/index.js'
