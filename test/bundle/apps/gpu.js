import {
  butterfly,
  completeMatrix,
  csr,
  gaussian,
  kernelMatrix,
  mfac,
  nystrom,
  observed,
  random,
  rsvd,
  sparseSign,
  tucker,
} from 'lowrank'
import { openGpu } from 'lowrank/gpu'

// An application as a user would write it: the test bundles it for production and calls it in the browser. Each method on
// the GPU's operand and on the CPU's: numbers that must agree.

const entries = {
  shape: [20, 16],
  rows: Array.from({ length: 160 }, (_, e) => e % 20),
  cols: Array.from({ length: 160 }, (_, e) => (3 * e + Math.floor(e / 20)) % 16),
  values: Array.from({ length: 160 }, (_, e) => (1 + (e % 20)) * (2 + ((3 * e + Math.floor(e / 20)) % 16))),
}
const points = random.normal([40, 3], { seed: 2 })
const T = random.normal([8, 7, 6], { seed: 3 })
const G = random.normal([5, 60], { seed: 4 })
const vector = random.normal([60], { seed: 5 })
const X = random.normal([32, 2], { seed: 6 })
const array = random.normal([60, 40], { seed: 1 })

/** What is put on the device, what it is on the host, and the numbers that a method makes of it. */
const works = {
  matrix: [(gpu) => gpu.matrix(array), array, async (A) => (await rsvd(A, { rank: 5 })).s],
  csr: [(gpu) => gpu.csr(entries), csr(entries), async (A) => (await rsvd(A, { rank: 3 })).s],
  kernelMatrix: [
    (gpu) => gpu.kernelMatrix(points, { gamma: 0.3 }),
    kernelMatrix(points, { gamma: 0.3 }),
    async (K) => (await nystrom(K, { rank: 6 })).values,
  ],
  sketch: [(gpu) => gpu.sketch(gaussian([6, 32])), gaussian([6, 32]), async (S) => (await S.matmat(X)).data],
  sparseSketch: [
    (gpu) => gpu.sketch(sparseSign([16, 32])),
    sparseSign([16, 32]),
    async (S) => (await S.matmat(X)).data,
  ],
  butterfly: [
    (gpu) => gpu.butterfly(butterfly.dct(32)),
    butterfly.dct(32),
    async (B) => (await B.matmat(X)).data,
  ],
  tensor: [(gpu) => gpu.tensor(T), T, async (A) => [(await tucker(A, { ranks: [3, 3, 3] })).errorEstimate]],
  observed: [
    (gpu) => gpu.observed(entries),
    observed(entries),
    async (M) => [(await completeMatrix(M, { rank: 1 })).predict(3, 4)],
  ],
  gradients: [(gpu) => gpu.gradients(G), G, async (A) => (await mfac(A, { damping: 0.1 })).ihvp(vector)],
}

/** Every method of the library on the GPU and on the CPU. */
export async function compare(backend) {
  const gpu = await openGpu({ backend })
  try {
    const answers = {}
    for (const [name, [place, host, method]] of Object.entries(works)) {
      const operand = await place(gpu)
      answers[name] = { onGpu: Array.from(await method(operand)), onCpu: Array.from(await method(host)) }
      operand.dispose()
    }
    return { backend: gpu.backend, answers, handles: gpu.stats().handles }
  } finally {
    gpu.dispose()
  }
}
