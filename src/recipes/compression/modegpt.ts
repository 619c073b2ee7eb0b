import { factored } from '../../factorize/lowrank.js'
import { asFiniteMatrix, contiguous, dense, flip, matrix } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { OptionError, ShapeError } from '../../linalg/errors.js'
import { largestIndices } from '../../linalg/dense/largest.js'
import { leastNormSteps } from '../../linalg/dense/lstsq.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import type { LinearOperator } from '../../linalg/operators.js'
import { bool, nonNegative, readOptions, withDefault } from '../../linalg/options.js'
import { qrSteps } from '../../linalg/dense/qr.js'
import { fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { leadingColumns, pickedRows } from '../../linalg/thin.js'
import { exactLeverageSteps } from '../../sketch/leverage.js'
import { checkSize, sizeReaders } from './lowrank.js'
import type { Size } from './lowrank.js'
import { gramOf, gramRootSteps, missing } from './statistics.js'
import type { Statistics } from './statistics.js'

/** `rank` and `budget` are of the hidden units that stay: k of h, or a part of h. */
export interface ModegptConfig extends Size {
  /** λ of the scores of `mlp`, as a part of the mean of the Gram matrix's diagonal. Default 10⁻³. */
  readonly ridge?: number | undefined
  /** Queries and keys are rotated in pairs i and i + h/2, which stay or go together. Default false. */
  readonly rotary?: boolean | undefined
}

/** h is the side that the matrices of a module share. */
interface Quality {
  /** Numbers that the new matrices store. */
  readonly parameters: number
  /** Relative, of what the module makes of the inputs that were seen; Frobenius norm. Computed, not estimated. */
  readonly errorEstimate: number
}

/** z = σ(up·x) [⊙ gate·x], y = down·z. */
export interface MlpModule {
  /** h × n */
  readonly up: MatrixLike
  /** h × n */
  readonly gate?: MatrixLike | undefined
  /** m × h */
  readonly down: MatrixLike
}

/** A feed-forward module with fewer hidden units. */
export interface CompressedMlp extends Quality {
  /** k × n, rows of what was given; biases are to be picked by `kept` too. */
  readonly up: Matrix
  /** k × n; undefined where none was given. */
  readonly gate: Matrix | undefined
  /** m × k, refitted. */
  readonly down: Matrix
  /** The hidden units that stay, ascending. */
  readonly kept: Int32Array
}

/** Logits are qᵀk of q = query·x and k = key·x. */
export interface QueryKeyModule {
  /** h × n */
  readonly query: MatrixLike
  /** h × n */
  readonly key: MatrixLike
}

/** Query and key projections of a head with fewer dimensions. */
export interface CompressedQueryKey extends Quality {
  /** k × n, rows of what was given. */
  readonly query: Matrix
  /** k × n, the same rows of the other. */
  readonly key: Matrix
  /** The dimensions that stay, ascending. */
  readonly kept: Int32Array
}

/** y = output·value·x. */
export interface ValueOutputModule {
  /** h × n */
  readonly value: MatrixLike
  /** m × h */
  readonly output: MatrixLike
}

/** An operator m × n. */
export interface CompressedValueOutput extends Quality, LinearOperator {
  /** k × n */
  readonly value: Matrix
  /** m × k, orthonormal columns. */
  readonly output: Matrix
  toDense(): Matrix
}

/** Compresses a module, given statistics of what the doc of each says. */
interface ModuleCompressor<Module, S, C> {
  (module: Module, statistics: S, options?: RunOptions): C
  async(module: Module, statistics: S, options?: RunOptions): Promise<C>
}

/** The modules of a transformer block, each with the decomposition that fits it. */
export interface Modegpt {
  /** Nyström: the k hidden units of largest leverage stay, `down` is refitted. Statistics: the Gram matrix of z. */
  readonly mlp: ModuleCompressor<MlpModule, Statistics, CompressedMlp>
  /** CR: the k units of largest |q|·|k| stay. Statistics: the Gram matrices of q and of k, rotated where they are. */
  readonly queryKey: ModuleCompressor<
    QueryKeyModule,
    { readonly query: Statistics; readonly key: Statistics },
    CompressedQueryKey
  >
  /** SVD: the best rank k of output·value on the inputs. Statistics: the Gram matrix of x. */
  readonly valueOutput: ModuleCompressor<ValueOutputModule, Statistics, CompressedValueOutput>
}

/**
 * Compresses pairs of matrices through the dimension that they share, which becomes k of h.
 *
 * `mlp`: J are the k units of largest ridge leverage diag(C(C + λI)⁻¹) of the hidden Gram matrix C; up and gate keep their rows
 * J, and down becomes the least-squares fit down·C[:, J]·C[J, J]⁻¹, which with all units is down itself. `queryKey`: rows of
 * largest √(C_q)ᵢᵢ·√(C_k)ᵢᵢ. `valueOutput`: output = U, value = Uᵀ·W_o·W_v with U the k leading left singular vectors of
 * W_o·W_v·S, S·Sᵀ the inputs' Gram matrix: the error is the tail of the singular values.
 *
 * @param config - `rank` or `budget` of the shared dimension h, `ridge`, `rotary`.
 * @returns `{ mlp, queryKey, valueOutput }`, each (module, statistics) → the new matrices with `parameters` and `errorEstimate`.
 * @throws ShapeError where matrices or statistics do not fit; OptionError; NotFiniteError.
 * Cost: `mlp` 20h³ + 2mh² flops; `queryKey` h²; `valueOutput` n³/3 + 2hn² + 4mh².
 * Source: Lin, Gao, Smith, Patel, Tuli, Shen, Jin and Hsu 2024, "MoDeGPT: modular decomposition for large language model
 * compression", algorithms 1 to 3. Departure: no inverse of C or of its root, so that dead units and few samples do no harm.
 *
 * @example
 * ```ts
 * import { matmul, random } from 'lowrank'
 * import { compression } from 'lowrank/recipes'
 * const [up, down] = [random.normal([32, 16]), random.normal([16, 32], { seed: 1 })]
 * const hidden = compression.calibration()
 * const Z = matmul(up, random.normal([16, 200], { seed: 2 }))
 * for (let e = 0; e < Z.data.length; e++) Z.data[e] = Math.max(0, Z.data[e]!)
 * hidden.push(Z)
 * const { kept, errorEstimate } = compression.modegpt({ budget: 0.5 }).mlp({ up, down }, hidden)
 * ```
 */
export function modegpt(config: ModegptConfig): Modegpt {
  const fn = 'modegpt'
  const plan = readOptions(fn, config, {
    ...sizeReaders,
    ridge: withDefault(nonNegative, 1e-3),
    rotary: withDefault(bool, false),
  })
  checkSize(fn, plan)
  return {
    mlp: fromSteps(function* (module: MlpModule, statistics: Statistics, options?: RunOptions) {
      readOptions(`${fn}.mlp`, options, {})
      return yield* mlpSteps(`${fn}.mlp`, module, statistics, plan)
    }, 2),
    queryKey: fromSteps(function* (
      module: QueryKeyModule,
      statistics: { readonly query: Statistics; readonly key: Statistics },
      options?: RunOptions,
    ) {
      readOptions(`${fn}.queryKey`, options, {})
      return yield* queryKeySteps(`${fn}.queryKey`, module, statistics, plan)
    }, 2),
    valueOutput: fromSteps(function* (
      module: ValueOutputModule,
      statistics: Statistics,
      options?: RunOptions,
    ) {
      readOptions(`${fn}.valueOutput`, options, {})
      return yield* valueOutputSteps(`${fn}.valueOutput`, module, statistics, plan)
    }, 2),
  }
}

type Plan = Size & { readonly ridge: number; readonly rotary: boolean }

/** k of h, in whole `units`. */
function keptOf(fn: string, { rank, budget }: Size, h: number, unit = 1): number {
  if (rank !== undefined && (rank > h || rank % unit > 0)) {
    const expected = unit === 1 ? `at most ${h}, the shared dimension` : `an even number, at most ${h}`
    throw new OptionError({ fn, argument: 'options.rank', expected, given: String(rank) })
  }
  const affordable = budget === undefined ? h : unit * Math.floor((budget * h) / unit)
  if (affordable < 1) {
    const expected = `at least ${Number((unit / h).toPrecision(3))}, one of the shared dimension`
    throw new OptionError({ fn, argument: 'options.budget', expected, given: String(budget) })
  }
  return Math.min(affordable, rank ?? h)
}

/** A matrix of the module, of which some sides are known. */
function part(
  fn: string,
  A: MatrixLike,
  argument: string,
  rows: number | undefined,
  cols: number | undefined,
): Matrix {
  const M = contiguous(asFiniteMatrix(A, fn, `module.${argument}`))
  const [m, n] = [M.shape[0]!, M.shape[1]!]
  if ((rows ?? m) === m && (cols ?? n) === n) return M
  const expected = `a matrix ${rows ?? 'm'}×${cols ?? 'n'}`
  throw new ShapeError({ fn, argument: `module.${argument}`, expected, given: `${m}×${n}` })
}

function* rootSteps(fn: string, statistics: Statistics | undefined, side: number): Steps<Matrix> {
  const C = gramOf(fn, statistics, side) ?? missing(fn, 'gram', [side, side])
  return yield* gramRootSteps(fn, C)
}

const ratio = (error: number, size: number): number => (error === 0 ? 0 : error / size)

function* mlpSteps(fn: string, module: MlpModule, statistics: Statistics, plan: Plan): Steps<CompressedMlp> {
  const up = part(fn, module.up, 'up', undefined, undefined)
  const [h, n] = [up.shape[0]!, up.shape[1]!]
  const gate = module.gate === undefined ? undefined : part(fn, module.gate, 'gate', h, n)
  const down = part(fn, module.down, 'down', undefined, h)
  const k = keptOf(fn, plan, h)
  const S = yield* rootSteps(fn, statistics, h)
  const mean = norm2(S.data) ** 2 / h
  const scores = yield* exactLeverageSteps(S, fn, plan.ridge * mean)
  const kept = largestIndices(scores, k)
  const SJ = pickedRows(S, kept)
  const DS = (yield* multiplySteps(dense(down), dense(S))) as Matrix
  // What units of zero length would have to be multiplied by cannot be known; with all units nothing is to be fitted.
  const refit =
    k === h ? down : contiguous((yield* leastNormSteps(flip(dense(SJ)), flip(dense(DS)))).X.transpose(1, 0))
  const fitted = (yield* multiplySteps(dense(refit), dense(SJ))) as Matrix
  const size = norm2(DS.data)
  for (let e = 0; e < DS.data.length; e++) DS.data[e]! -= fitted.data[e]!
  return {
    up: pickedRows(up, kept),
    gate: gate && pickedRows(gate, kept),
    down: matrix(refit),
    kept,
    parameters: k * (n * (gate ? 2 : 1) + down.shape[0]!),
    errorEstimate: ratio(norm2(DS.data), size),
  }
}

function* queryKeySteps(
  fn: string,
  module: QueryKeyModule,
  statistics: { readonly query: Statistics; readonly key: Statistics },
  plan: Plan,
): Steps<CompressedQueryKey> {
  const query = part(fn, module.query, 'query', undefined, undefined)
  const [h, n] = [query.shape[0]!, query.shape[1]!]
  const key = part(fn, module.key, 'key', h, n)
  if (plan.rotary && h % 2 > 0) {
    throw new ShapeError({ fn, argument: 'module.query', expected: 'an even number of rows', given: `${h}` })
  }
  const k = keptOf(fn, plan, h, plan.rotary ? 2 : 1)
  const Sq = yield* rootSteps(`${fn}: query`, statistics?.query, h)
  const Sk = yield* rootSteps(`${fn}: key`, statistics?.key, h)
  const [q, t] = [rowNorms(Sq), rowNorms(Sk)]
  const scores = q.map((length, i) => length * t[i]!)
  const kept = plan.rotary ? pairs(scores, k / 2) : largestIndices(scores, k)
  const gone = Int32Array.from(scores.keys()).filter((i) => !kept.includes(i))
  const everything = Int32Array.from(scores.keys())
  const error = yield* logitsSteps(Sq, Sk, gone)
  return {
    query: pickedRows(query, kept),
    key: pickedRows(key, kept),
    kept,
    parameters: 2 * k * n,
    errorEstimate: ratio(error, yield* logitsSteps(Sq, Sk, everything)),
  }
}

/** ‖Σ qᵢkᵢᵀ‖_F over the units I and all pairs of tokens: that of Sq[I, :]ᵀ·Sk[I, :]. */
function* logitsSteps(Sq: Matrix, Sk: Matrix, I: Int32Array): Steps<number> {
  const QtK = (yield* multiplySteps(flip(dense(pickedRows(Sq, I))), dense(pickedRows(Sk, I)))) as Matrix
  return norm2(QtK.data)
}

function rowNorms(S: Matrix): Float64Array {
  const [h, n] = [S.shape[0]!, S.shape[1]!]
  return Float64Array.from({ length: h }, (_, i) => norm2(S.data.subarray(i * n, (i + 1) * n)))
}

/** The units of the best pairs (i, i + h/2). */
function pairs(scores: Float64Array, count: number): Int32Array {
  const half = scores.length / 2
  const sums = scores.slice(0, half).map((score, i) => score + scores[i + half]!)
  const best = largestIndices(sums, count)
  return Int32Array.from([...best, ...best.map((i) => i + half)])
}

function* valueOutputSteps(
  fn: string,
  module: ValueOutputModule,
  statistics: Statistics,
  plan: Plan,
): Steps<CompressedValueOutput> {
  const value = part(fn, module.value, 'value', undefined, undefined)
  const [h, n] = [value.shape[0]!, value.shape[1]!]
  const output = part(fn, module.output, 'output', undefined, h)
  const m = output.shape[0]!
  const k = keptOf(fn, plan, Math.min(h, m, n))
  const S = yield* rootSteps(fn, statistics, n)
  // W_v·S = Rᵀ·Qᵀ, so that the singular vectors of W_o·W_v·S on the left are those of the thin W_o·Rᵀ.
  const VS = (yield* multiplySteps(dense(value), dense(S))) as Matrix
  const { R } = yield* qrSteps(VS.transpose(1, 0))
  const ORt = (yield* multiplySteps(dense(output), flip(dense(R)))) as Matrix
  const { U, s } = yield* denseSvdSteps(dense(ORt), 'thin')
  const basis = leadingColumns(U, k)
  const mixed = (yield* multiplySteps(flip(dense(basis)), dense(output))) as Matrix
  const small = (yield* multiplySteps(dense(mixed), dense(value))) as Matrix
  return Object.assign(factored([basis, small]), {
    value: small,
    output: basis,
    parameters: k * (m + n),
    errorEstimate: ratio(norm2(s.slice(k)), norm2(s)),
  })
}
