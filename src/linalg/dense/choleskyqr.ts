import { wrap } from '../arrays.js'
import type { Dense, Matrix } from '../arrays.js'
import { stage, unstage, window } from './blocks.js'
import { choleskyFactorSteps } from './cholesky.js'
import { allocColumns } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { strided, trsmSteps } from './triangular.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

// An orthonormal basis of a tall matrix from its Gram matrix: two sweeps of gemm and substitution in place of
// Householder's reflections, whose panels are as slow as memory.

/** Rows × columns of a block: 256 KiB, so that it is still in cache when its Gram matrix is added up. */
const BLOCK = 2 ** 15
/** Divisions by a triangle before giving up; two do for condition numbers up to about 10⁷. */
const PASSES = 4
/** ‖QᵀQ − I‖ from which one more pass ends at rounding level: the condition number of Q is below √3 then. */
const NEAR = 0.5

/**
 * Q of a thin QR factorization of Y (m ≥ k), or undefined where Y is too near to rank-deficient.
 *
 * CholeskyQR2 (Yamamoto, Nakatsukasa, Yanagisawa and Fukaya 2015); where the Cholesky factorization fails, one
 * of XᵀX + s·I comes first (shifted CholeskyQR3; Fukaya, Kannan, Nakatsukasa, Yamamoto and Yanagisawa 2020), X
 * being Y with columns of length 1. Whether it was enough is seen from QᵀQ, which the next pass needs anyway.
 * Cost: 3mk² flops per pass, mostly two passes. Memory: mk numbers beside the result.
 */
export function* choleskyQrSteps(Y: Dense): Steps<Matrix | undefined> {
  const { rows: m, cols: k } = Y
  const ws = acquire()
  try {
    const X = yield* stageBlocksSteps(ws, Y)
    const G = allocColumns(ws, k, k)
    yield* gramSteps(ws, X, G)
    for (let pass = 1; pass <= PASSES; pass++) {
      const last = pass > 1 && distanceFromIdentity(ws, G) <= NEAR
      const L = yield* triangleSteps(ws, G, m)
      if (L === undefined) return undefined
      for (const { at, rows } of X) {
        const T = { ...strided(L), n: k, upper: false, unit: false }
        yield* trsmSteps(ws, T, { at, rs: rows, cs: 1 }, rows)
      }
      if (last) return yield* unstageBlocksSteps(ws, X, m, k)
      yield* gramSteps(ws, X, G)
    }
    return undefined
  } finally {
    release(ws)
  }
}

/** Some rows of X, transposed: k rows of `rows` contiguous numbers. */
interface Block {
  readonly at: number
  readonly first: number
  readonly rows: number
}

function* stageBlocksSteps(ws: Workspace, Y: Dense): Steps<Block[]> {
  const { rows: m, cols: k } = Y
  const size = Math.max(64, 8 * Math.floor(BLOCK / k / 8))
  const aside = ws.alloc64(size * k)
  const whole = ws.alloc64(m * k)
  const blocks: Block[] = []
  for (let first = 0; first < m; first += size) {
    const rows = Math.min(size, m - first)
    const at = whole + 8 * first * k
    const { rs } = stage(window(Y, first, rows, 0, k), ws.f64, aside)
    if (rs === 1 && rows > 1) ws.f64.copyWithin(at / 8, aside / 8, aside / 8 + rows * k)
    else ws.kernels.transpose(rows, k, aside, k, at, rows)
    blocks.push({ at, first, rows })
    yield* breath()
  }
  return blocks
}

function* unstageBlocksSteps(ws: Workspace, X: readonly Block[], m: number, k: number): Steps<Matrix> {
  const Q = wrap(new Float64Array(m * k), m, k)
  const size = Math.max(...X.map(({ rows }) => rows))
  const aside = ws.alloc64(size * k)
  for (const { at, first, rows } of X) {
    ws.kernels.transpose(k, rows, at, rows, aside, k)
    unstage(ws.f64, aside, { data: Q.data, offset: first * k, rows, cols: k, rs: k, cs: 1 })
    yield* breath()
  }
  return Q
}

/** G = XᵀX. */
function* gramSteps(ws: Workspace, X: readonly Block[], G: Columns): Steps<void> {
  const k = G.cols
  for (const { at, first, rows } of X) {
    ws.kernels.gemm(k, k, rows, 1, at, rows, 1, at, 1, rows, first === 0 ? 0 : 1, G.at, 1, k)
    yield* breath()
  }
}

/** ‖G − I‖_F. */
function distanceFromIdentity(ws: Workspace, { at, cols: k }: Columns): number {
  const f64 = ws.f64
  let sum = 0
  for (let j = 0; j < k; j++)
    for (let i = 0; i < k; i++) sum += (f64[at / 8 + i + j * k]! - (i === j ? 1 : 0)) ** 2
  return Math.sqrt(sum)
}

/**
 * L with G = L·Lᵀ, or with a shift that makes it positive definite whatever rounding did to the sums of m
 * products in it. Undefined where a column is zero, or so small or large that its square is nothing to rely on.
 */
function* triangleSteps(ws: Workspace, G: Columns, m: number): Steps<Columns | undefined> {
  const k = G.cols
  const lengths = Float64Array.from({ length: k }, (_, j) => Math.sqrt(ws.f64[G.at / 8 + j * (k + 1)]!))
  if (!lengths.every((length) => length > 1e-100 && length < 1e100)) return undefined
  const L = allocColumns(ws, k, k)
  for (const shift of [0, 11 * (m * k + k * (k + 1)) * 2 ** -53 * k]) {
    // Columns of length 1: the shift then means the same to all.
    const f64 = ws.f64
    for (let j = 0; j < k; j++) {
      for (let i = 0; i < k; i++) {
        f64[L.at / 8 + i + j * k] = f64[G.at / 8 + i + j * k]! / lengths[i]! / lengths[j]!
      }
      f64[L.at / 8 + j * (k + 1)]! += shift
    }
    if ((yield* choleskyFactorSteps(ws, L)) < k) continue
    const found = ws.f64
    for (let j = 0; j < k; j++) for (let i = j; i < k; i++) found[L.at / 8 + i + j * k]! *= lengths[i]!
    return L
  }
  return undefined
}
