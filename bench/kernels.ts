import { random } from '../src/index.js'
import { acquire, release } from '../src/linalg/wasm/workspace.js'
import type { Workspace } from '../src/linalg/wasm/workspace.js'
import { interleaved } from './measure.js'
import type { Effort } from './measure.js'

// Each WebAssembly kernel by itself at a size that it is used at: its flops and the bytes that it must move
// at least, counted from its definition, and what share of the rate of gemm it reaches. A kernel that works
// in place has its operand copied back before each run, which is timed with it.

interface Kernel {
  readonly name: string
  readonly size: string
  readonly flops: number
  readonly bytes: number
  readonly run: () => void
}

export interface KernelRate extends Omit<Kernel, 'run'> {
  readonly seconds: number
}

export async function kernelRates(effort: Effort): Promise<KernelRate[]> {
  const ws = acquire()
  try {
    const kernels = [
      ...products(ws),
      ...vectors(ws),
      ...panels(ws),
      ...spectral(ws),
      ...lines(ws),
      ...sparse(ws),
    ]
    const timings = await interleaved(kernels, effort)
    return kernels.map(({ name, size, flops, bytes }, i) => ({
      name,
      size,
      flops,
      bytes,
      seconds: timings[i]!.seconds!,
    }))
  } finally {
    release(ws)
  }
}

/** Room for normal numbers, and the numbers. */
function numbers(ws: Workspace, count: number): number {
  const at = ws.alloc64(count)
  ws.f64.set(random.normal([count]).data, at / 8)
  return at
}

function singles(ws: Workspace, count: number): number {
  const at = ws.alloc32(count)
  ws.f32.set(random.normal([count]).data, at / 4)
  return at
}

/** A kernel that overwrites `count` numbers at `at`. */
function inPlace(ws: Workspace, at: number, count: number, run: () => void): () => void {
  const saved = ws.f64.slice(at / 8, at / 8 + count)
  return () => {
    ws.f64.set(saved, at / 8)
    run()
  }
}

function products(ws: Workspace): Kernel[] {
  const n = 512
  const [a, b, c] = [numbers(ws, n * n), numbers(ws, n * n), numbers(ws, n * n)]
  const [a32, b32, c32] = [singles(ws, n * n), singles(ws, n * n), singles(ws, n * n)]
  const { gemm, gemm32, transpose } = ws.kernels
  return [
    {
      name: 'gemm',
      size: '512³',
      flops: 2 * n ** 3,
      bytes: 24 * n * n,
      run: () => gemm(n, n, n, 1, a, n, 1, b, n, 1, 0, c, n, 1),
    },
    {
      name: 'gemm32',
      size: '512³',
      flops: 2 * n ** 3,
      bytes: 12 * n * n,
      run: () => gemm32(n, n, n, 1, a32, n, 1, b32, n, 1, 0, c32, n, 1),
    },
    { name: 'transpose', size: '512²', flops: 0, bytes: 16 * n * n, run: () => transpose(n, n, a, n, b, n) },
  ]
}

function vectors(ws: Workspace): Kernel[] {
  const n = 4096
  const [x, y] = [numbers(ws, n), numbers(ws, n)]
  const { dot, dot32, axpy, axpy32, scal, nrm2, maxAbs, rot } = ws.kernels
  const x32 = singles(ws, n)
  const size = String(n)
  return [
    { name: 'dot', size, flops: 2 * n, bytes: 16 * n, run: () => void dot(n, x, y) },
    { name: 'axpy', size, flops: 2 * n, bytes: 24 * n, run: () => axpy(n, 1e-9, x, y) },
    { name: 'dot32', size, flops: 2 * n, bytes: 12 * n, run: () => void dot32(n, x32, y) },
    { name: 'axpy32', size, flops: 2 * n, bytes: 20 * n, run: () => axpy32(n, 1e-9, x32, y) },
    { name: 'scal', size, flops: n, bytes: 16 * n, run: () => scal(n, 1, x) },
    { name: 'nrm2', size, flops: 2 * n, bytes: 8 * n, run: () => void nrm2(n, x) },
    { name: 'maxAbs', size, flops: n, bytes: 8 * n, run: () => void maxAbs(n, x) },
    { name: 'rot', size, flops: 6 * n, bytes: 32 * n, run: () => rot(n, x, y, 0.6, 0.8) },
  ]
}

function panels(ws: Workspace): Kernel[] {
  const [m, b, r] = [600, 32, 200]
  const { qrPanel, luPanel, choleskyPanel, solveRows, eliminate } = ws.kernels
  const [a, aside] = [numbers(ws, m * b), ws.alloc64(m)]
  const spd = numbers(ws, m * b)
  for (let j = 0; j < b; j++) ws.f64[spd / 8 + j * (m + 1)] = 1000
  const [t, x] = [numbers(ws, b * b), numbers(ws, b * r)]
  for (let j = 0; j < b; j++) ws.f64[t / 8 + j * (b + 1)] = 100
  const square = numbers(ws, 200 * 200)
  const lu = m * b ** 2 - b ** 3 / 3
  return [
    {
      name: 'qrPanel',
      size: `${m}×${b}`,
      flops: 2 * lu,
      bytes: 16 * m * b,
      run: inPlace(ws, a, m * b, () => qrPanel(m, b, a, m, aside)),
    },
    {
      name: 'luPanel',
      size: `${m}×${b}`,
      flops: lu,
      bytes: 16 * m * b,
      run: inPlace(ws, a, m * b, () => void luPanel(m, b, a, m, aside, 1)),
    },
    {
      name: 'choleskyPanel',
      size: `${m}×${b}`,
      flops: lu,
      bytes: 16 * m * b,
      run: inPlace(ws, spd, m * b, () => void choleskyPanel(m, b, spd, m)),
    },
    {
      name: 'solveRows',
      size: `${b}×${b}, ${r} columns`,
      flops: b * b * r,
      bytes: 8 * (b * b) + 16 * b * r,
      run: inPlace(ws, x, b * r, () => solveRows(b, r, t, 1, b, 0, 0, x, r)),
    },
    {
      name: 'eliminate',
      size: '200×200',
      flops: 2 * 199 ** 2,
      bytes: 16 * 200 ** 2,
      run: inPlace(ws, square, 200 * 200, () => void eliminate(200, 200, square, 200)),
    },
  ]
}

function spectral(ws: Workspace): Kernel[] {
  const [m, n, sweeps] = [500, 300, 16]
  const { jacobiRows, symv, rotateColumns, reflectRight, reflectLeft } = ws.kernels
  const [a, x, y, work] = [numbers(ws, m * n), numbers(ws, n), ws.alloc64(n), ws.alloc64(8 * n)]
  const list = ws.alloc64(sweeps * 2 * n)
  const sweep = [0, n - 1, ...Array.from({ length: n - 1 }, () => [0.6, 0.8]).flat()]
  for (let t = 0; t < sweeps; t++) ws.f64.set(sweep, list / 8 + t * sweep.length)
  const [u, v, k] = [numbers(ws, 64 * 64), numbers(ws, 64 * 64), 64]
  const steps = 62
  const reflectors = ws.alloc64(3 * steps)
  // I − t·v·vᵀ with t = 2/(1 + ¼ + ¼).
  for (let t = 0; t < steps; t++) ws.f64.set([4 / 3, 0.5, 0.5], reflectors / 8 + 3 * t)
  const pairs = (k * (k - 1)) / 2
  return [
    {
      name: 'jacobiRows',
      size: `a sweep of ${k}×${k}, V too`,
      flops: pairs * 16 * k,
      bytes: 32 * k * k,
      run: inPlace(ws, u, k * k, () => void jacobiRows(k, k, u, k, k, v, k, 0, k - 1, 2 ** -49)),
    },
    { name: 'symv', size: `${n}×${n}`, flops: 2 * n * n, bytes: 4 * n * n, run: () => symv(n, a, n, x, y) },
    {
      name: 'rotateColumns',
      size: `${m}×${n}, ${sweeps} sweeps`,
      flops: 6 * m * (n - 1) * sweeps,
      bytes: 16 * m * n,
      run: inPlace(ws, a, m * n, () => rotateColumns(m, n, a, m, sweeps, list, work)),
    },
    {
      name: 'reflectRight',
      size: `${m}×${steps + 2}`,
      flops: 10 * m * steps,
      bytes: 16 * m * (steps + 2),
      run: inPlace(ws, a, m * (steps + 2), () => reflectRight(steps, 0, reflectors, m, a, m)),
    },
    {
      name: 'reflectLeft',
      size: `${steps + 2}×${n}`,
      flops: 10 * n * steps,
      bytes: 16 * n * (steps + 2),
      run: inPlace(ws, a, m * n, () => reflectLeft(steps, 0, reflectors, n, a, m)),
    },
  ]
}

function lines(ws: Workspace): Kernel[] {
  const [m, s] = [64, 16]
  const n = 4 * m * s
  const { fftPass, fwhtBlock, fwhtLevels } = ws.kernels
  const w = numbers(ws, 6 * m)
  const [xre, xim, yre, yim] = [numbers(ws, n), numbers(ws, n), ws.alloc64(n), ws.alloc64(n)]
  return [
    {
      name: 'fftPass',
      size: `${n}, radix 4`,
      flops: (34 * n) / 4,
      bytes: 32 * n,
      run: () => fftPass(4, m, s, 0, m, 0, s, w, xre, xim, yre, yim),
    },
    {
      name: 'fwhtBlock',
      size: String(n),
      flops: n * Math.log2(n),
      bytes: 16 * n,
      run: inPlace(ws, xre, n, () => fwhtBlock(n, xre)),
    },
    {
      name: 'fwhtLevels',
      size: `${n}, 3 levels`,
      flops: 3 * n,
      bytes: 16 * n,
      run: inPlace(ws, xim, n, () => fwhtLevels(3, n / 8, n / 8, xim)),
    },
  ]
}

function sparse(ws: Workspace): Kernel[] {
  const [rows, perRow, k] = [2000, 20, 16]
  const nnz = rows * perRow
  const { csrTimes, csrAdjointTimes } = ws.kernels
  const [values, x, y] = [numbers(ws, nnz), numbers(ws, rows * k), numbers(ws, rows * k)]
  const [pointers, indices] = [ws.alloc32(rows + 1), ws.alloc32(nnz)]
  const i32 = new Int32Array(ws.f64.buffer)
  for (let i = 0; i <= rows; i++) i32[pointers / 4 + i] = i * perRow
  for (let e = 0; e < nnz; e++) i32[indices / 4 + e] = (e * 7919) % rows
  const counts = { size: `${nnz} entries, ${k} columns`, flops: 2 * nnz * k, bytes: 12 * nnz + 16 * rows * k }
  return [
    { name: 'csrTimes', ...counts, run: () => csrTimes(rows, k, pointers, indices, values, x, y) },
    {
      name: 'csrAdjointTimes',
      ...counts,
      run: inPlace(ws, x, rows * k, () => csrAdjointTimes(rows, k, pointers, indices, values, y, x)),
    },
  ]
}
