// The kernels, compiled by scripts/build-wasm.ts with AssemblyScript into two variants: `simd`, and
// `relaxed`, which has fused multiply-adds. ../kernels.ts says what each one does, ../plain.ts says the same
// in TypeScript. Pointers are byte addresses, strides count elements.

export { gemm, gemm32 } from './gemm'
export { dot, dot32, axpy, axpy32, scal, nrm2, maxAbs, rot } from './vector'
export { transpose } from './transpose'
export { qrPanel } from './householder'
export { choleskyPanel, eliminate, luPanel, solveRows } from './elimination'
export { jacobiRows } from './jacobi'
export { rotateColumns } from './rotations'
export { symv } from './symv'
export { chase, reflectLeft, reflectRight } from './chase'
export { fftPass } from './fourier'
export { fwhtBlock, fwhtLevels } from './hadamard'
export { butterflyLevel, butterflyLevelComplex, fourierLevel } from './butterfly'
export { csrDots, gatherGram } from './observed'
export { csrTimes, csrAdjointTimes } from './sparse'
export { distances, expNegative } from './distance'
export { stackBase } from './memory'
