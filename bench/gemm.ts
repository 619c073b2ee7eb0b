import { GPU } from 'gpu.js'
import { matrix as mathMatrix, multiply } from 'mathjs'
import { Matrix as MlMatrix } from 'ml-matrix'
import { matmul, matrix, random, toNested } from '../src/index.js'
import type { Matrix } from '../src/index.js'
import type { Case, Contender } from './measure.js'
import { np } from './numpyts.js'
import type { Python } from './python.js'

// C = A·B beside what else multiplies matrices in JavaScript, and NumPy as the yardstick outside of it. After
// the timing each answer is compared with ours.

type Shape = readonly [m: number, k: number, n: number]
type Numbers = ArrayLike<number>

/** Multiplications from which on the slower peers are timed once. */
const LONG = 512 ** 3

export function gemm64([m, k, n]: Shape, python: Python): Case {
  const [A, B] = [random.normal([m, k]), random.normal([k, n], { seed: 1 })]
  const [mlA, mlB] = [new MlMatrix(toNested(A)), new MlMatrix(toNested(B))]
  const expected = matmul(A, B).data
  const contenders: Contender[] = [
    { name: 'lowrank', run: () => matmul(A, B) },
    numpyTs(A.data, B.data, [m, k, n], expected),
    checked(
      'ml-matrix',
      () => mlA.mmul(mlB),
      (C) => C.to1DArray(),
      expected,
      m * k * n > LONG,
    ),
  ]
  if (m * k * n <= 256 ** 3) {
    const [mathA, mathB] = [mathMatrix(toNested(A)), mathMatrix(toNested(B))]
    const flat = (C: { toArray(): unknown }): Numbers => (C.toArray() as number[][]).flat()
    contenders.push(checked('mathjs', () => multiply(mathA, mathB), flat, expected, true))
  }
  contenders.push(python.contender('NumPy, one thread', { kind: 'gemm', m, n, k }))
  return { title: `GEMM ${m}×${k} · ${k}×${n}, float64`, flops: 2 * m * k * n, contenders }
}

export function gemm32([m, k, n]: Shape, python: Python): Case {
  const [A, B] = [single(random.normal([m, k])), single(random.normal([k, n], { seed: 1 }))]
  const expected = matmul(A, B).data
  const contenders: Contender[] = [
    { name: 'lowrank', run: () => matmul(A, B) },
    numpyTs(A.data, B.data, [m, k, n], expected),
    gpuJs('webasm', A, B, expected),
    gpuJs('cpu', A, B, expected),
    python.contender('NumPy, one thread', { kind: 'gemm', m, n, k, dtype: 'float32' }),
  ]
  return { title: `GEMM ${m}×${k} · ${k}×${n}, float32`, flops: 2 * m * k * n, contenders }
}

const single = (A: Matrix): Matrix<Float32Array> =>
  matrix(Float32Array.from(A.data), [A.shape[0]!, A.shape[1]!])

/** Operands in its own WebAssembly memory, results freed at once: what its documentation advises for loops. */
function numpyTs(
  A: Float64Array | Float32Array,
  B: Float64Array | Float32Array,
  [m, k, n]: Shape,
  expected: Numbers,
): Contender {
  const dtype = A instanceof Float64Array ? 'float64' : 'float32'
  const a = np.frombuffer(A, dtype).reshape(m, k).copy()
  const b = np.frombuffer(B, dtype).reshape(k, n).copy()
  return {
    name: 'numpy-ts',
    run: () => {
      np.matmul(a, b).dispose()
    },
    check: () => {
      compare('numpy-ts', np.matmul(a, b).data, expected)
    },
  }
}

/** GPU.js's own way to multiply: the kernel of its front page. Its loops have a limit, which must be raised. */
function gpuJs(
  mode: 'cpu' | 'webasm',
  A: Matrix<Float32Array>,
  B: Matrix<Float32Array>,
  expected: Numbers,
): Contender {
  const [m = 0, inner = 0] = A.shape
  const source = `function (a, b) {
    let sum = 0;
    for (let i = 0; i < ${inner}; i++) sum += a[this.thread.y][i] * b[i][this.thread.x];
    return sum;
  }`
  const kernel = new GPU({ mode })
    .createKernel(source, { output: [B.shape[1]!, m] })
    .setLoopMaxIterations(inner)
  const [a, b] = [rows(A), rows(B)]
  const flat = (C: readonly Float32Array[]): Numbers => C.flatMap((row) => [...row])
  const run = (): Float32Array[] => kernel(a, b) as Float32Array[]
  return checked(`GPU.js '${mode}'`, run, flat, expected, m * inner * B.shape[1]! > LONG)
}

function rows(A: Matrix<Float32Array>): Float32Array[] {
  const n = A.shape[1]!
  return Array.from({ length: A.shape[0]! }, (_, i) => A.data.subarray(i * n, (i + 1) * n))
}

function checked<C>(
  name: string,
  multiply: () => C,
  flat: (C: C) => Numbers,
  expected: Numbers,
  slow = false,
): Contender {
  let last: { C: C } | undefined
  return {
    name,
    slow,
    run: () => {
      last = { C: multiply() }
    },
    check: () => {
      compare(name, flat((last ??= { C: multiply() }).C), expected)
    },
  }
}

/** Throws where two answers differ by more than float32 rounding explains. */
function compare(name: string, got: Numbers, expected: Numbers): void {
  let [difference, largest] = [0, 0]
  for (let e = 0; e < expected.length; e++) {
    difference = Math.max(difference, Math.abs(got[e]! - expected[e]!))
    largest = Math.max(largest, Math.abs(expected[e]!))
  }
  if (!(got.length === expected.length && difference <= 1e-4 * largest)) {
    throw new Error(`${name} multiplies to something else: off by ${difference} of ${largest}`)
  }
}
