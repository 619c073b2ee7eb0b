export { adjoint } from './operators/adjoint.js'
export { alignment } from './iterative/alignment.js'
export type { AlignmentOptions } from './iterative/alignment.js'
export { diag, eye, matrix, toNested, transpose, zeros } from './arrays.js'
export type { FloatArray, MathMatrix, Matrix, MatrixLike, Nested, Tensor, VectorLike } from './arrays.js'
export { centered } from './operators/centered.js'
export type { Centered } from './operators/centered.js'
export { cg } from './iterative/cg.js'
export type { CgOptions } from './iterative/cg.js'
export { cholesky } from './dense/cholesky.js'
export type { Cholesky } from './dense/cholesky.js'
export { composed } from './operators/composed.js'
export { csr } from './operators/csr.js'
export type { CsrOperator, Triplets } from './operators/csr.js'
export { dct, idct } from './transforms/dct.js'
export type { RealTransform } from './transforms/dct.js'
export { asOperator } from './operators/denseoperator.js'
export { asTensorOperand } from './operators/densetensor.js'
export { effectiveRank } from './iterative/effectiverank.js'
export { eig } from './dense/eig.js'
export type { EigOptions, Eigen, PerturbOptions, PerturbedEigen } from './dense/eig.js'
export { eigh } from './dense/eigh.js'
export type { EighOptions, SymmetricEigen } from './dense/eigh.js'
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
export { fft, ifft } from './transforms/fft.js'
export type { Complex, ComplexTransform } from './transforms/fft.js'
export { flexibleCg } from './iterative/flexiblecg.js'
export type { Directions, FlexibleCgOptions } from './iterative/flexiblecg.js'
export { fwht } from './transforms/fwht.js'
export { gradientStore } from './operators/gradientstore.js'
export type {
  AnyGradientStore,
  AsyncGradientStore,
  GradientSteps,
  GradientStore,
  GradientStoreOptions,
} from './operators/gradientstore.js'
export { gram } from './dense/gram.js'
export { lanczos } from './iterative/lanczos.js'
export type { Eigenpairs, LanczosOptions } from './iterative/lanczos.js'
export { ldl } from './dense/ldl.js'
export type { Inertia, Ldl } from './dense/ldl.js'
export { ldu } from './dense/ldu.js'
export type { Ldu, LduOptions } from './dense/ldu.js'
export type { LeastSquaresOptions } from './dense/leastsquares.js'
export { lsmr } from './iterative/lsmr.js'
export { lsqr } from './iterative/lsqr.js'
export { lstsq, pinv } from './dense/lstsq.js'
export type { Lstsq, LstsqOptions } from './dense/lstsq.js'
export { det, lu } from './dense/lu.js'
export type { Lu } from './dense/lu.js'
export { matmul } from './dense/matmul.js'
export type { MatmulOptions } from './dense/matmul.js'
export { norm } from './dense/norm.js'
export type { NormKind } from './dense/norm.js'
export { norm2Estimate } from './iterative/normestimate.js'
export type { NormEstimateOptions } from './iterative/normestimate.js'
export { nuclearNormProxy } from './iterative/nuclearnormproxy.js'
export { observed } from './operators/observed.js'
export type {
  AnyObservedOperand,
  AsyncObservedOperand,
  InexactSolve,
  ObservedOperand,
  ObservedSteps,
  RowSolution,
  RowSolve,
  Side,
} from './operators/observed.js'
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
export { qr } from './dense/qr.js'
export type { PivotedQr, Qr, QrOptions } from './dense/qr.js'
export { philox, random } from './random.js'
export type { RandomOptions } from './random.js'
export { cond, matrixRank } from './dense/rank.js'
export type { MatrixRankOptions } from './dense/rank.js'
export type { IterationOptions } from './iterative/restarts.js'
export type { Solver } from './dense/righthand.js'
export type { IterativeSolver, Solution } from './dense/rightside.js'
export { sampledProduct } from './operators/sampledproduct.js'
export type { Places } from './operators/sampledproduct.js'
export { scaled } from './operators/scaled.js'
export { solve } from './dense/solve.js'
export { solveTriangular } from './dense/solvetriangular.js'
export type { SolveTriangularOptions } from './dense/solvetriangular.js'
export { sor } from './iterative/sor.js'
export type { SorOptions } from './iterative/sor.js'
export type { Entries } from './iterative/splitting.js'
export { ssor } from './iterative/ssor.js'
export type { SsorOptions } from './iterative/ssor.js'
export { stacked } from './operators/stacked.js'
export type { Blocks } from './operators/stacked.js'
export type { Progress, RunOptions, Step, Steps } from './steps.js'
export { sum } from './operators/sum.js'
export { svd, svdvals } from './dense/svd.js'
export type { SvdFactors, SvdOptions, SvdvalsOptions } from './dense/svd.js'
export { isTensorOperand } from './operators/tensoroperand.js'
export type {
  AnyTensorOperand,
  AsyncTensorOperand,
  TensorLike,
  TensorMethod,
  TensorOperand,
  TensorSteps,
} from './operators/tensoroperand.js'
export { traceEstimate } from './iterative/traceestimate.js'
export type { TraceEstimateOptions } from './iterative/traceestimate.js'
