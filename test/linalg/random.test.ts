import { describe, expect, test } from 'vitest'
import { OptionError, philox, random } from '../../src/linalg/index.js'
import { STREAM, normalBlock, uniformBlock } from '../../src/linalg/random.js'

const hex = (words: Uint32Array): string =>
  Array.from(words, (w) => w.toString(16).padStart(8, '0')).join(' ')

describe('Philox 4x32', () => {
  // The known-answer vectors published with Random123.
  test.each([
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [Array(4).fill(0xffffffff), Array(2).fill(0xffffffff), '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ])('10 rounds of %j', (counter, key, answer) => {
    expect(hex(philox(counter as number[], key as number[]))).toBe(answer)
  })

  test('7 rounds', () => {
    expect(hex(philox([0, 0, 0, 0], [0, 0], new Uint32Array(4), 7))).toBe(
      '5f6fb709 0d893f64 4f121f81 4f730a48',
    )
  })

  test('is a bijection of counters: no block repeats among 100 000', () => {
    const seen = new Set<string>()
    const words = new Uint32Array(4)
    for (let c = 0; c < 100_000; c++) seen.add(philox([c, 0, 0, 0], [1, 2], words).join())
    expect(seen.size).toBe(100_000)
  })
})

describe('normals and uniforms', () => {
  const block = (seed: number, stream: number, i: number, j0: number): number[] =>
    Array.from(normalBlock({ seed, stream, i0: i, i1: i + 1, j0, j1: j0 + 2 }))

  test('reference values of Box–Muller on known counters', () => {
    const close = (got: number[], want: number[]): void =>
      got.forEach((z, t) => expect(Math.abs(z - want[t]!)).toBeLessThan(1e-12))
    close(block(0, 0, 0, 0), [-0.12151792298606587, -1.3500326497265676])
    close(block(0, 0, 0, 2), [-0.08187422775686445, -0.22270906656146452])
    close(block(42, 0, 1, 0), [0.6306132368974788, 1.5122655770142488])
    const [u1, u2] = uniformBlock({ seed: 0, stream: 0, i0: 0, i1: 1, j0: 0, j1: 2 })
    expect([u1, u2]).toEqual([0.39904647887528244, 0.7357127905708828])
  })

  test('any block is that part of the whole, to the bit', () => {
    const whole = normalBlock({ seed: 9, stream: 1, i0: 0, i1: 7, j0: 0, j1: 11 })
    for (const [i0, i1, j0, j1] of [
      [0, 7, 0, 11],
      [2, 5, 3, 8],
      [6, 7, 10, 11],
      [1, 4, 4, 7],
    ] as const) {
      const part = normalBlock({ seed: 9, stream: 1, i0, i1, j0, j1 })
      for (let i = i0; i < i1; i++) {
        for (let j = j0; j < j1; j++) expect(part[(i - i0) * (j1 - j0) + j - j0]).toBe(whole[i * 11 + j])
      }
    }
  })

  test('a larger tensor extends a smaller one, and streams differ', () => {
    const small = random.normal([3, 4], { seed: 5 })
    const large = random.normal([6, 9], { seed: 5 })
    for (let i = 0; i < 3; i++) for (let j = 0; j < 4; j++) expect(large.get(i, j)).toBe(small.get(i, j))
    const sketch = normalBlock({ seed: 5, stream: STREAM.testMatrix, i0: 0, i1: 3, j0: 0, j1: 4 })
    expect(sketch).not.toEqual(small.data)
  })

  test('moments within five standard errors, uniforms strictly inside (0, 1)', () => {
    const N = 100_000
    const z = random.normal([N], { seed: 3 }).data
    const moment = (x: Float64Array, k: number): number => x.reduce((sum, v) => sum + v ** k, 0) / N
    expect(Math.abs(moment(z, 1))).toBeLessThan(5 / Math.sqrt(N))
    expect(Math.abs(moment(z, 2) - 1)).toBeLessThan(5 * Math.sqrt(2 / N))
    expect(Math.abs(moment(z, 4) - 3)).toBeLessThan(5 * Math.sqrt(96 / N))
    const u = random.uniform([N], { seed: 3 }).data
    expect(Math.abs(moment(u, 1) - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / N))
    expect(u.every((v) => v > 0 && v < 1)).toBe(true)
  })

  test('seeds use all their bits; bad ones are refused', () => {
    expect(random.normal([4], { seed: 1 }).data).not.toEqual(random.normal([4], { seed: 1 + 2 ** 40 }).data)
    for (const seed of [-1, 0.5, NaN, 2 ** 53])
      expect(() => random.normal([2], { seed })).toThrow(OptionError)
    expect(random.normal([0, 3]).size).toBe(0)
  })
})
