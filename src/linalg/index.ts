export { adjoint } from './adjoint.js'
export { diag, eye, matrix, toNested, transpose, zeros } from './arrays.js'
export type { FloatArray, MathMatrix, Matrix, MatrixLike, Nested, Tensor, VectorLike } from './arrays.js'
export { centered } from './centered.js'
export type { Centered } from './centered.js'
export { composed } from './composed.js'
export { cg } from './cg.js'
export type { CgOptions } from './cg.js'
export { csr } from './csr.js'
export type { CsrOperator, Triplets } from './csr.js'
export { dct, idct } from './dct.js'
export type { RealTransform } from './dct.js'
export { asOperator } from './denseoperator.js'
export {
  ConvergenceError,
  DisposedError,
  LinAlgError,
  MemoryError,
  MissingPeerError,
  NotFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  ShapeError,
  SingularMatrixError,
} from './errors.js'
export type { ErrorCode } from './errors.js'
export { lanczos } from './lanczos.js'
export type { Eigenpairs, LanczosOptions } from './lanczos.js'
export type { LeastSquaresOptions } from './leastsquares.js'
export { lsmr } from './lsmr.js'
export { lsqr } from './lsqr.js'
export { gram, matmul } from './matmul.js'
export type { MatmulOptions } from './matmul.js'
export { fft, ifft } from './fft.js'
export type { Complex, ComplexTransform } from './fft.js'
export { fwht } from './fwht.js'
export { norm } from './norm.js'
export type { NormKind } from './norm.js'
export { norm2Estimate } from './normestimate.js'
export type { NormEstimateOptions } from './normestimate.js'
export { isOperator, operator } from './operators.js'
export type {
  AnyOperator,
  AsyncLinearOperator,
  Both,
  LinearOperator,
  Method,
  Operand,
  OperatorSpec,
  ProductSteps,
  Shape,
  SyncOperand,
} from './operators.js'
export { qr } from './qr.js'
export type { Qr, QrOptions } from './qr.js'
export { philox, random } from './random.js'
export type { RandomOptions } from './random.js'
export type { Solution, Solver } from './rightside.js'
export { scaled } from './scaled.js'
export { stacked } from './stacked.js'
export type { Blocks } from './stacked.js'
export type { Progress, RunOptions, Step, Steps } from './steps.js'
export { sum } from './sum.js'
export { svd, svdvals } from './svd.js'
export type { SvdFactors, SvdOptions } from './svd.js'
export { traceEstimate } from './traceestimate.js'
export type { TraceEstimateOptions } from './traceestimate.js'
