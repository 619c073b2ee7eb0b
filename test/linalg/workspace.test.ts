import { afterEach, describe, expect, it } from 'vitest'
import { MemoryError } from '../../src/linalg/errors.js'
import type { Workspace } from '../../src/linalg/wasm/workspace.js'
import { kernelsInUse } from '../../src/linalg/wasm/load.js'
import { acquire, release, useKernels } from '../../src/linalg/wasm/workspace.js'

const MiB = 2 ** 20

for (const variant of ['simd', 'plain'] as const) {
  describe(`a workspace with ${variant} kernels`, () => {
    const fresh = (): Workspace => {
      useKernels(variant)
      return acquire()
    }
    afterEach(() => useKernels('auto'))

    it('hands out disjoint room at multiples of 64 bytes', () => {
      const ws = fresh()
      const at = [ws.alloc64(3), ws.alloc32(5), ws.alloc64(0), ws.alloc64(17), ws.alloc64(1)]
      for (const address of at) expect(address % 64).toBe(0)
      expect(at[1]).toBeGreaterThanOrEqual(at[0]! + 24)
      expect(at[4]).toBeGreaterThanOrEqual(at[3]! + 136)
    })

    it('keeps what was written when it grows', () => {
      const ws = fresh()
      const x = ws.alloc64(2)
      ws.f64.set([1, 2], x / 8)
      const before = ws.byteLength
      const y = ws.alloc64(before / 8)
      expect(ws.byteLength).toBeGreaterThan(before)
      expect([...ws.f64.subarray(x / 8, x / 8 + 2)]).toEqual([1, 2])
      ws.f64[y / 8 + before / 8 - 1] = 5
      expect(ws.f32.buffer).toBe(ws.f64.buffer)
      expect(ws.kernels.nrm2(2, x)).toBeCloseTo(Math.sqrt(5), 12)
    })

    it('does not grow over a thousand calls', () => {
      release(fresh())
      let size = 0
      for (let call = 0; call < 1000; call++) {
        const ws = acquire()
        const mark = ws.mark()
        for (let t = 0; t < 20; t++) ws.alloc64(5000)
        ws.reset(mark)
        ws.alloc64(100_000)
        release(ws)
        size ||= ws.byteLength
        expect(ws.byteLength).toBe(size)
      }
    })

    it('gives the memory of a large call back', () => {
      const ws = fresh()
      ws.alloc64((65 * MiB) / 8)
      release(ws)
      const next = acquire()
      expect(next).not.toBe(ws)
      expect(next.byteLength).toBeLessThan(8 * MiB)
      release(next)
    })

    it('keeps two idle workspaces, and each call has one of its own', () => {
      const held = [fresh(), acquire(), acquire()]
      const at = held.map((ws) => ws.alloc64(4))
      held.forEach((ws, t) => ws.f64.fill(t, at[t]! / 8, at[t]! / 8 + 4))
      held.forEach((ws, t) => expect(ws.kernels.dot(4, at[t]!, at[t]!)).toBe(4 * t * t))
      for (const ws of held) release(ws)
      const again = [acquire(), acquire(), acquire()]
      expect(new Set(again).size).toBe(3)
      expect(again.filter((ws) => held.includes(ws)).length).toBe(2)
      expect(again[2]!.mark()).toBe(again[0]!.mark())
    })

    it('is not kept twice where it is released twice', () => {
      const ws = fresh()
      release(ws)
      release(ws)
      expect(acquire()).not.toBe(acquire())
    })

    it('says how much was wanted where memory ends, and works on', () => {
      const ws = fresh()
      const mark = ws.mark()
      expect(() => ws.alloc64(2 ** 30)).toThrow(MemoryError)
      expect(() => ws.alloc64(2 ** 30)).toThrow(/memory.*expected 85\d{8} bytes/)
      expect(ws.mark()).toBe(mark)
      const x = ws.alloc64(1)
      ws.f64[x / 8] = -3
      expect(ws.kernels.maxAbs(1, x)).toBe(3)
    })
  })
}

describe('useKernels', () => {
  afterEach(() => useKernels('auto'))

  it('drops idle workspaces, and those of another variant when they come back', () => {
    useKernels('simd')
    const old = acquire()
    useKernels('plain')
    release(old)
    const ws = acquire()
    expect(ws.variant).toBe('plain')
    expect(kernelsInUse()).toBe('plain')
  })
})

it('addresses beyond 2 GiB work', () => {
  useKernels('simd')
  const ws = acquire()
  const mark = ws.mark()
  ws.alloc64(2 ** 28 + 1000)
  const [a, b, c] = [ws.alloc64(6), ws.alloc64(6), ws.alloc64(4)]
  expect(a).toBeGreaterThan(2 ** 31)
  ws.f64.set([1, 2, 3, 4, 5, 6], a / 8)
  ws.f64.set([1, 0, 0, 1, 1, 1], b / 8)
  ws.kernels.gemm(2, 2, 3, 1, a, 3, 1, b, 2, 1, 0, c, 2, 1)
  expect([...ws.f64.subarray(c / 8, c / 8 + 4)]).toEqual([4, 5, 10, 11])
  expect(ws.kernels.dot(6, a, b)).toBe(1 + 4 + 5 + 6)
  ws.reset(mark)
  useKernels('auto')
})
