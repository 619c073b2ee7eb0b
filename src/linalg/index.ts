export { adjoint } from './adjoint.js'
export { alignment } from './alignment.js'
export type { AlignmentOptions } from './alignment.js'
export { diag, eye, matrix, toNested, transpose, zeros } from './arrays.js'
export type { FloatArray, MathMatrix, Matrix, MatrixLike, Nested, Tensor, VectorLike } from './arrays.js'
export { centered } from './centered.js'
export type { Centered } from './centered.js'
export { cg } from './cg.js'
export type { CgOptions } from './cg.js'
export { cholesky } from './cholesky.js'
export type { Cholesky } from './cholesky.js'
export { composed } from './composed.js'
export { csr } from './csr.js'
export type { CsrOperator, Triplets } from './csr.js'
export { dct, idct } from './dct.js'
export type { RealTransform } from './dct.js'
export { asOperator } from './denseoperator.js'
export { asTensorOperand } from './densetensor.js'
export { effectiveRank } from './effectiverank.js'
export { eig } from './eig.js'
export type { EigOptions, Eigen, PerturbOptions, PerturbedEigen } from './eig.js'
export { eigh } from './eigh.js'
export type { EighOptions, SymmetricEigen } from './eigh.js'
export {
  ConvergenceError,
  DisposedError,
  FormatError,
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
export { fft, ifft } from './fft.js'
export type { Complex, ComplexTransform } from './fft.js'
export { flexibleCg } from './flexiblecg.js'
export type { Directions, FlexibleCgOptions } from './flexiblecg.js'
export { fwht } from './fwht.js'
export { gradientStore } from './gradientstore.js'
export type {
  AnyGradientStore,
  AsyncGradientStore,
  GradientSteps,
  GradientStore,
  GradientStoreOptions,
} from './gradientstore.js'
export { gram } from './gram.js'
export { lanczos } from './lanczos.js'
export type { Eigenpairs, LanczosOptions } from './lanczos.js'
export { ldl } from './ldl.js'
export type { Inertia, Ldl } from './ldl.js'
export { ldu } from './ldu.js'
export type { Ldu, LduOptions } from './ldu.js'
export type { LeastSquaresOptions } from './leastsquares.js'
export { lsmr } from './lsmr.js'
export { lsqr } from './lsqr.js'
export { lstsq, pinv } from './lstsq.js'
export type { Lstsq, LstsqOptions } from './lstsq.js'
export { det, lu } from './lu.js'
export type { Lu } from './lu.js'
export { matmul } from './matmul.js'
export type { MatmulOptions } from './matmul.js'
export { norm } from './norm.js'
export type { NormKind } from './norm.js'
export { norm2Estimate } from './normestimate.js'
export type { NormEstimateOptions } from './normestimate.js'
export { nuclearNormProxy } from './nuclearnormproxy.js'
export { observed } from './observed.js'
export type {
  AnyObservedOperand,
  AsyncObservedOperand,
  InexactSolve,
  ObservedOperand,
  ObservedSteps,
  RowSolution,
  RowSolve,
  Side,
} from './observed.js'
export { isOperator, operator } from './operators.js'
export type {
  AnyOperator,
  AsyncLinearOperator,
  Both,
  IndexedOperator,
  LinearOperator,
  Method,
  Operand,
  OperatorSpec,
  ProductSteps,
  Shape,
  SyncOperand,
} from './operators.js'
export { qr } from './qr.js'
export type { PivotedQr, Qr, QrOptions } from './qr.js'
export { philox, random } from './random.js'
export type { RandomOptions } from './random.js'
export { cond, matrixRank } from './rank.js'
export type { MatrixRankOptions } from './rank.js'
export type { IterationOptions } from './restarts.js'
export type { Solver } from './righthand.js'
export type { IterativeSolver, Solution } from './rightside.js'
export { sampledProduct } from './sampledproduct.js'
export type { Places } from './sampledproduct.js'
export { scaled } from './scaled.js'
export { solve } from './solve.js'
export { solveTriangular } from './solvetriangular.js'
export type { SolveTriangularOptions } from './solvetriangular.js'
export { sor } from './sor.js'
export type { SorOptions } from './sor.js'
export type { Entries } from './splitting.js'
export { ssor } from './ssor.js'
export type { SsorOptions } from './ssor.js'
export { stacked } from './stacked.js'
export type { Blocks } from './stacked.js'
export type { Progress, RunOptions, Step, Steps } from './steps.js'
export { sum } from './sum.js'
export { svd, svdvals } from './svd.js'
export type { SvdFactors, SvdOptions, SvdvalsOptions } from './svd.js'
export { isTensorOperand } from './tensoroperand.js'
export type {
  AnyTensorOperand,
  AsyncTensorOperand,
  TensorLike,
  TensorMethod,
  TensorOperand,
  TensorSteps,
} from './tensoroperand.js'
export { traceEstimate } from './traceestimate.js'
export type { TraceEstimateOptions } from './traceestimate.js'
