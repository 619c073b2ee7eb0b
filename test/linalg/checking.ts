import assert from 'node:assert/strict'
import type { Workspace } from '../../src/linalg/wasm/workspace.js'

// What the checks of kernels share. Plain assertions, no test runner.

export const EPS = 2 ** -52

/** Entries in [-1, 1) that depend on the seed alone. */
export function numbers(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}

export function put(ws: Workspace, x: ArrayLike<number>): number {
  const at = ws.alloc64(x.length)
  ws.f64.set(Float64Array.from(x), at / 8)
  return at
}

export const take = (ws: Workspace, at: number, count: number): Float64Array =>
  ws.f64.slice(at / 8, at / 8 + count)

export function near(
  given: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(given[i]! - expected[i]!)
    assert.ok(error <= tolerance, `${what} at ${i}: ${given[i]} for ${expected[i]} (tolerance ${tolerance})`)
  }
}

/** A column-major matrix from its entries. */
export function columns(m: number, n: number, entry: (i: number, j: number) => number): Float64Array {
  return Float64Array.from({ length: m * n }, (_, t) => entry(t % m, Math.floor(t / m)))
}
