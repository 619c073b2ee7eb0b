import fc from 'fast-check'
import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import { LinAlgError, OptionError, random } from '../../../src/linalg/index.js'
import type { Tensor } from '../../../src/linalg/index.js'
import { weights } from '../../../src/recipes/index.js'
import { LAYOUTS, RUNS, relaid } from '../../support/cases.js'

/** A file with one tensor of the given bytes. */
function fileOf(dtype: string, shape: number[], data: ArrayBufferView): Uint8Array {
  const text = JSON.stringify({ x: { dtype, shape, data_offsets: [0, data.byteLength] } })
  const file = new Uint8Array(8 + text.length + data.byteLength)
  file[0] = text.length
  file.set(new TextEncoder().encode(text), 8)
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8 + text.length)
  return file
}

const read = (file: Uint8Array, name = 'x'): Tensor<Float32Array | Float64Array> =>
  weights.readSafetensors(file).tensors.get(name)!.read()

/** The words of the only tensor of a file. */
const wordsOf = (file: Uint8Array): Uint16Array =>
  new Uint16Array(file.slice(8 + new DataView(file.buffer).getUint32(0, true)).buffer)

const FORMATS = {
  F16: { exponentBits: 5, fractionBits: 10 },
  BF16: { exponentBits: 8, fractionBits: 7 },
} as const
const formats = fc.constantFrom('F16', 'BF16')

/** What 16 bits mean, by the definition of the format. */
function meaning(word: number, { exponentBits, fractionBits }: (typeof FORMATS)['F16' | 'BF16']): number {
  const sign = word >>> 15 ? -1 : 1
  const exponent = (word >>> fractionBits) & (2 ** exponentBits - 1)
  const fraction = (word & (2 ** fractionBits - 1)) / 2 ** fractionBits
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias)
}

const everyWord = Uint16Array.from({ length: 2 ** 16 }, (_, word) => word)

describe.each(['F16', 'BF16'] as const)('%s', (dtype) => {
  const format = FORMATS[dtype]
  const finite = everyWord.filter((word) => Number.isFinite(meaning(word, format)))
  /** All numbers that are not negative, ascending; their index is their word. */
  const numbers = Array.from(
    finite.filter((word) => word < 2 ** 15),
    (word) => meaning(word, format),
  )
  const most = numbers.at(-1)!

  test('all 65,536 patterns mean what the format says, and those that are numbers come back', () => {
    const { data } = read(fileOf(dtype, [2 ** 16], everyWord))
    expect(data).toBeInstanceOf(Float32Array)
    expect(data).toEqual(Float32Array.from(everyWord, (word) => meaning(word, format)))
    const again = weights.writeSafetensors({ x: data.filter((x) => Number.isFinite(x)) }, { dtype })
    expect(wordsOf(again)).toEqual(finite)
  })

  /** The word of the number nearest to |x|, by looking at both neighbours; undefined above all of them. */
  function nearestWord(x: number): number | undefined {
    let [low, high] = [0, numbers.length]
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (numbers[middle]! <= x) low = middle
      else high = middle
    }
    const above = numbers[low + 1] ?? most + (most - numbers.at(-2)!)
    // Neighbours of x: both differences are exact, or x is so small that it is 0 for either.
    const [down, up] = [x - numbers[low]!, above - x]
    const word = down < up || (down === up && low % 2 === 0) ? low : low + 1
    return word < numbers.length ? word : undefined
  }

  const anywhere = fc.double({ noNaN: true, noDefaultInfinity: true })
  const within = fc.double({ noNaN: true, min: -1.01 * most, max: 1.01 * most })
  const subnormal = fc.double({ noNaN: true, min: -4 * numbers[1]!, max: 4 * numbers[1]! })
  /** Halfway between two numbers, and the doubles beside that. */
  const tie = fc
    .tuple(fc.nat(numbers.length - 1), fc.constantFrom(-1, 0, 1), fc.boolean())
    .map(([word, off, negative]) => {
      const half =
        numbers[word]! + ((numbers[word + 1] ?? 2 * most - numbers[word - 1]!) - numbers[word]!) / 2
      const x = half * (1 + off * 2 ** -52)
      return negative ? -x : x
    })

  test('numbers are rounded once, to the nearest and to even', () => {
    fc.assert(
      fc.property(fc.oneof(anywhere, within, subnormal, tie), (x) => {
        const word = nearestWord(Math.abs(x))
        const write = (): Uint8Array => weights.writeSafetensors({ x: [x] }, { dtype })
        if (word === undefined) expect(write).toThrow(OptionError)
        else {
          const sign = x < 0 || Object.is(x, -0) ? 2 ** 15 : 0
          expect(wordsOf(write())[0]).toBe(sign | word)
        }
      }),
      { ...RUNS, numRuns: 4000 },
    )
  })
})

const shapes = fc.array(fc.nat(5), { maxLength: 4 })

test('what is written is read again: names, shapes, bits, metadata, in the dtype that holds them', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(
        fc.record({
          name: fc.string({ unit: 'grapheme' }),
          shape: shapes,
          single: fc.boolean(),
          seed: fc.nat(1000),
        }),
        { selector: ({ name }) => name, maxLength: 6 },
      ),
      fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' })),
      (list, metadata) => {
        const tensors = list
          .filter(({ name }) => name !== '__metadata__')
          .map(({ name, shape, single, seed }) => {
            const size = shape.reduce((product, length) => product * length, 1)
            const values = random.normal([size + 1], { seed }).data.subarray(1)
            return [
              name,
              ndarray(single ? new Float32Array(values) : new Float64Array(values), shape),
            ] as const
          })
        const file = weights.writeSafetensors(tensors, { metadata })
        const found = weights.readSafetensors(file)
        expect(found.metadata).toEqual(metadata)
        expect([...found.tensors.keys()].sort()).toEqual(tensors.map(([name]) => name).sort())
        for (const [name, given] of tensors) {
          const stored = found.tensors.get(name)!
          expect(stored.dtype).toBe(given.data instanceof Float32Array ? 'F32' : 'F64')
          const again = stored.read()
          expect(again.shape).toEqual(given.shape)
          expect(again.data).toEqual(given.data)
        }
        // A file is at any place of a larger buffer, and is a function of what it holds.
        const moved = new Uint8Array(file.length + 3)
        moved.set(file, 3)
        for (const [name, given] of tensors) expect(read(moved.subarray(3), name).data).toEqual(given.data)
        expect(weights.writeSafetensors(new Map(tensors), { metadata })).toEqual(file)
      },
    ),
    RUNS,
  )
})

test('every layout of a matrix is written row by row, and float32 of any double is Math.fround', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 8 }),
      formats,
      fc.nat(99),
      (m, n, dtype, seed) => {
        const A = random.normal([m, n], { seed })
        const expected = weights.writeSafetensors({ A }, { dtype })
        for (const layout of LAYOUTS) {
          expect(weights.writeSafetensors({ A: relaid(A, layout) }, { dtype })).toEqual(expected)
        }
        expect(read(weights.writeSafetensors({ x: A }, { dtype: 'F32' })).data).toEqual(
          new Float32Array(A.data),
        )
      },
    ),
    RUNS,
  )
})

test('a file that was changed or cut anywhere is refused by a typed error, or read within its bytes', () => {
  const file = weights.writeSafetensors(
    { a: random.normal([3, 2]), b: new Float32Array([1, 2, 3]) },
    { metadata: { format: 'pt' } },
  )
  const headerEnd = 8 + file[0]! + 256 * file[1]!
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(headerEnd - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: -8, max: 8 }),
      (changes, extra) => {
        // The file lies between bytes that would be found in an answer that went past its end.
        const buffer = new Uint8Array(file.length + 64).fill(0x7f)
        buffer.set(file, 32)
        for (const [at, byte] of changes) buffer[32 + at] = byte
        const lying = buffer.subarray(32, 32 + file.length + extra)
        try {
          const { tensors } = weights.readSafetensors(lying)
          let total = 0
          for (const stored of tensors.values()) {
            total += stored.shape.reduce((product, length) => product * length, 1)
            expect(total).toBeLessThanOrEqual(8 * lying.length)
            const { data } = stored.read()
            expect(data.length).toBe(stored.shape.reduce((product, length) => product * length, 1))
          }
        } catch (error) {
          expect(error).toBeInstanceOf(LinAlgError)
          expect((error as LinAlgError).code).toBe('FORMAT')
          expect((error as LinAlgError).fn).toBe('readSafetensors')
        }
      },
    ),
    { ...RUNS, numRuns: 3000 },
  )
})
