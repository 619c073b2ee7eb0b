import assert from 'node:assert/strict'
import type { Workspace } from '../../src/linalg/wasm/workspace.js'
import { EPS, near, numbers } from './checking.js'

// The kernels of the QR algorithm, against the plain ones and against each other.

/** Runs on numbers put into a workspace, and gives what lies there afterwards. */
function run(
  ws: Workspace,
  inputs: readonly Float64Array[],
  call: (at: readonly number[]) => void,
): Float64Array[] {
  ws.clear()
  const at = inputs.map((x) => ws.alloc64(x.length))
  inputs.forEach((x, t) => ws.f64.set(x, at[t]! / 8))
  call(at)
  const out = inputs.map((x, t) => ws.f64.slice(at[t]! / 8, at[t]! / 8 + x.length))
  ws.clear()
  return out
}

/** A random Hessenberg matrix, column-major with leading dimension ld; guard numbers below. */
function hessenberg(n: number, ld: number, seed: number, scale = 1): Float64Array {
  const next = numbers(seed)
  return Float64Array.from({ length: ld * n }, (_, t) => {
    const [i, j] = [t % ld, Math.floor(t / ld)]
    return i >= n ? 77 : i > j + 1 ? 0 : scale * (next() + (i === j ? 2 : 0))
  })
}

const frobenius = (x: Float64Array): number => Math.hypot(...x)

export function chaseChecks(ws: Workspace, reference: Workspace): Record<string, () => void> {
  return {
    'reflectRight and reflectLeft against plain': () => {
      for (const lines of [0, 1, 2, 3, 4, 5, 7, 8, 9, 33]) {
        for (const steps of [0, 1, 2, 5, 32]) {
          for (const tail of [0, 1]) {
            if (steps + tail === 0) continue
            const next = numbers(lines + 7 * steps + tail)
            const refl = Float64Array.from({ length: 3 * (steps + tail) }, next)
            for (let k = 0; k < steps + tail; k++) {
              // A true reflector: t = 2 / |(1, v2, v3)|².
              const third = k === steps ? 0 : refl[3 * k + 2]!
              refl[3 * k] = 2 / (1 + refl[3 * k + 1]! ** 2 + third ** 2)
            }
            const long = steps + 2
            const ld = long + lines + 3
            const x = Float64Array.from({ length: ld * Math.max(long, lines) }, next)
            for (const side of ['reflectRight', 'reflectLeft'] as const) {
              const [given, expected] = [ws, reference].map((w) =>
                run(w, [refl, x], ([r = 0, p = 0]) => w.kernels[side](steps, tail, r, lines, p, ld)),
              )
              near(given![1]!, expected![1]!, 60 * (steps + 1) * EPS, `${side}(${steps}, ${tail}, ${lines})`)
              assert.deepEqual(given![0], refl)
            }
          }
        }
      }
    },
    'chase against plain': () => {
      for (const n of [3, 4, 5, 6, 9, 20]) {
        for (const [start, last] of [
          [0, n - 1],
          [1, n - 1],
          [0, n - 2],
        ] as const) {
          if (last - start < 2) continue
          const ld = n + 2
          const H = hessenberg(n, ld, n)
          const v = Float64Array.of(0.3, -0.5, 0.2)
          const refl = new Float64Array(3 * n + 1).fill(5)
          const [given, expected] = [ws, reference].map((w) =>
            run(w, [H, v, refl], ([h = 0, x = 0, r = 0]) => {
              w.kernels.chase(h, ld, start, start, last, last, x, r)
            }),
          )
          for (const t of [0, 1, 2]) near(given![t]!, expected![t]!, 200 * n * EPS, `chase of ${n}, ${t}`)
        }
      }
    },
    'a chase in pieces, the rest brought up to date, is an orthogonal similarity': () => {
      for (const scale of [1, 1e-200, 1e100]) {
        for (const [n, chunk] of [
          [3, 1],
          [4, 1],
          [7, 2],
          [12, 3],
          [12, 11],
          [37, 8],
        ] as const) {
          const ld = n + 1
          const H = hessenberg(n, ld, n, scale)
          const I = Float64Array.from({ length: n * n }, (_, t) => Number(t % (n + 1) === 0))
          const v = Float64Array.of(1, 0.7, -0.4)
          const refl = new Float64Array(3 * chunk)
          const [T, Q] = run(ws, [H, I, v, refl], ([h = 0, q = 0, x = 0, r = 0]) => {
            const { chase, reflectLeft, reflectRight } = ws.kernels
            const last = n - 1
            for (let k0 = 0; k0 < last; k0 += chunk) {
              const k1 = Math.min(last, k0 + chunk)
              chase(h, ld, 0, k0, k1, last, x, r)
              const tail = k1 === last ? 1 : 0
              const right = Math.min(k1 + 2, n)
              reflectLeft(k1 - k0 - tail, tail, r, n - right, h + 8 * (k0 + right * ld), ld)
              reflectRight(k1 - k0 - tail, tail, r, k0, h + 8 * k0 * ld, ld)
              reflectRight(k1 - k0 - tail, tail, r, n, q + 8 * k0 * n, n)
            }
          }) as [Float64Array, Float64Array]
          const what = `chase of ${n} in pieces of ${chunk}, times ${scale}`
          const size = frobenius(H.filter((_, t) => t % ld < n).map((x) => x / scale))
          // Hessenberg again, guards untouched, and H·Q = Q·T.
          for (let j = 0; j < n; j++) {
            for (let i = j + 2; i < n; i++) assert.equal(T[i + j * ld], 0, what)
            assert.equal(T[n + j * ld], 77, what)
            for (let i = 0; i < n; i++) {
              let [left, right, gram] = [0, 0, 0]
              for (let t = 0; t < n; t++) {
                left += (H[i + t * ld]! / scale) * Q[t + j * n]!
                right += (Q[i + t * n]! * T[t + j * ld]!) / scale
                gram += Q[t + i * n]! * Q[t + j * n]!
              }
              assert.ok(Math.abs(left - right) <= 30 * n * EPS * size, `${what}: ${left} for ${right}`)
              assert.ok(Math.abs(gram - Number(i === j)) <= 30 * n * EPS, `${what}, QᵀQ`)
            }
          }
        }
      }
    },
  }
}
