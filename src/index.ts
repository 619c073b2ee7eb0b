export * from './linalg/index.js'
export * from './sketch/index.js'
export * from './factorize/index.js'
