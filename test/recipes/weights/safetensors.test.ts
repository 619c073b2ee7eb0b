import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import { FormatError, NotFiniteError, OptionError, ShapeError, matrix } from '../../../src/linalg/index.js'
import { weights } from '../../../src/recipes/index.js'

const { readSafetensors, writeSafetensors } = weights

/** A file of a header as text, and data. */
function file(header: string | Uint8Array, data = new Uint8Array(0), length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header
  const out = new Uint8Array(8 + text.length + data.length)
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(text.length), true)
  out.set(text, 8)
  out.set(data, 8 + text.length)
  return out
}

/** A file whose tensors are as told, with `size` bytes of data. */
const told = (tensors: Record<string, unknown>, size: number): Uint8Array =>
  file(JSON.stringify(tensors), new Uint8Array(size))

const tensor = (dtype: unknown, shape: unknown, offsets: unknown): Record<string, unknown> => ({
  dtype,
  shape,
  data_offsets: offsets,
})

const entries = (bytes: Uint8Array, name: string): number[] =>
  Array.from(readSafetensors(bytes).tensors.get(name)!.read().data)

describe('files as they are', () => {
  test('the example of the reference implementation', () => {
    const header = '{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}'
    const { tensors, metadata } = readSafetensors(file(header, new Uint8Array(16)))
    expect(metadata).toEqual({})
    const stored = tensors.get('test')!
    expect([stored.dtype, stored.shape]).toEqual(['I32', [2, 2]])
    expect(Array.from(stored.read().data)).toEqual([0, 0, 0, 0])
  })

  test('the bytes that are written', () => {
    const bytes = writeSafetensors({ w: [[1, -2]] }, { dtype: 'BF16', metadata: { format: 'pt' } })
    const text = '{"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}'
    const padded = text.padEnd(8 * Math.ceil(text.length / 8))
    // 1 is 0x3F80 and −2 is 0xC000, little-endian.
    expect(bytes).toEqual(file(padded, Uint8Array.of(0x80, 0x3f, 0x00, 0xc0)))
  })

  test('every dtype', () => {
    const data = new Uint8Array(8).fill(0xff)
    const expected: [string, number, number][] = [
      ['I8', 1, -1],
      ['U8', 1, 255],
      ['BOOL', 1, 255],
      ['I16', 2, -1],
      ['U16', 2, 65535],
      ['I32', 4, -1],
      ['U32', 4, 4294967295],
      ['I64', 8, -1],
      ['F32', 4, NaN],
      ['F16', 2, NaN],
      ['BF16', 2, NaN],
      ['F64', 8, NaN],
    ]
    for (const [dtype, size, value] of expected) {
      const bytes = file(JSON.stringify({ x: tensor(dtype, [], [0, size]) }), data.subarray(0, size))
      expect(entries(bytes, 'x'), dtype).toEqual([value])
    }
    const large = file(JSON.stringify({ x: tensor('U64', [1], [0, 8]) }), data)
    expect(() => entries(large, 'x')).toThrow(
      "readSafetensors: tensor 'x': expected integers that float64 holds, given 18446744073709551615 at 0",
    )
    const tiny = told({ x: tensor('F8_E4M3', [3], [0, 3]), y: tensor('F4', [2], [3, 4]) }, 4)
    expect(readSafetensors(tiny).tensors.get('x')!.shape).toEqual([3])
    expect(() => entries(tiny, 'x')).toThrow(
      /^readSafetensors: tensor 'x'\.dtype: expected one of F64, .* given F8_E4M3$/,
    )
  })

  test('wider dtypes come first, and each begins where its elements are aligned', () => {
    const bytes = writeSafetensors({ a: new Float32Array(3), b: new Float64Array(2), c: new Float32Array(1) })
    expect([...readSafetensors(bytes).tensors.keys()]).toEqual(['b', 'a', 'c'])
    expect((bytes.length - 16 - 16) % 8).toBe(0)
  })

  test('names that objects have ways of their own with', () => {
    const names = ['__proto__', 'constructor', '2', '1', '', 'a"b\\', '\u{1F600}']
    const bytes = writeSafetensors(names.map((name, i) => [name, [i]] as const))
    names.forEach((name, i) => expect(entries(bytes, name)).toEqual([i]))
  })

  test('nothing, empty tensors, a number', () => {
    expect(readSafetensors(writeSafetensors({})).tensors.size).toBe(0)
    const bytes = writeSafetensors({
      none: ndarray(new Float64Array(0), [3, 0]),
      one: ndarray(new Float64Array([7]), []),
    })
    expect(readSafetensors(bytes).tensors.get('none')!.shape).toEqual([3, 0])
    expect(readSafetensors(bytes).tensors.get('one')!.read().shape).toEqual([])
    expect(entries(bytes, 'one')).toEqual([7])
  })

  test('what is read is the reader’s own', () => {
    const source = matrix([[1, 2]])
    const bytes = writeSafetensors({ source })
    const read = readSafetensors(bytes).tensors.get('source')!.read()
    read.data[0] = 9
    expect(entries(bytes, 'source')).toEqual([1, 2])
    expect(Array.from(source.data)).toEqual([1, 2])
  })
})

describe('headers that lie', () => {
  const f32 = (shape: unknown, offsets: unknown): Record<string, unknown> => tensor('F32', shape, offsets)
  const lies: [string, Uint8Array, RegExp][] = [
    ['no length', new Uint8Array(7), /bytes: expected at least the 8 bytes of a length, given 7/],
    ['a length past the end', file('{}', undefined, 3n), /length: expected at most 2 of 10 bytes, given 3/],
    ['a huge length', file('{}', undefined, 2n ** 64n - 1n), /length: expected at most 2/],
    ['no JSON', file('{"x":'), /the header: expected JSON/],
    ['not UTF-8', file(Uint8Array.of(0x7b, 0xff, 0x7d)), /the header: expected UTF-8/],
    ['a BOM', file('\u{FEFF}{}'), /the header: expected JSON/],
    ['an array', file('[]'), /the header: expected an object, from its first byte/],
    ['spaces first', file(' {}'), /the header: expected an object, from its first byte/],
    ['a tensor that is a number', file('{"x":1}'), /tensor 'x': expected \{ dtype, shape, data_offsets \}/],
    ['an unknown dtype', told({ x: tensor('F128', [1], [0, 16]) }, 16), /tensor 'x'\.dtype: expected F64/],
    ['a dtype of every object', told({ x: tensor('toString', [1], [0, 1]) }, 1), /tensor 'x'\.dtype/],
    [
      'a negative side',
      told({ x: f32([-1, -1], [0, 4]) }, 4),
      /shape: expected integers >= 0, given \[-1,-1\]/,
    ],
    ['half a side', told({ x: f32([0.5, 2], [0, 4]) }, 4), /shape: expected integers/],
    ['no shape', told({ x: f32(undefined, [0, 4]) }, 4), /shape: expected integers >= 0, given nothing/],
    [
      'a product that overflows',
      told({ x: f32([2 ** 32, 2 ** 32], [0, 0]) }, 0),
      /expected .* bytes for F32 of 4294967296×4294967296, given 0/,
    ],
    [
      'a product that is infinite',
      told({ x: f32(Array(40).fill(2 ** 40), [0, 0]) }, 0),
      /Infinity bytes for F32/,
    ],
    ['too few bytes', told({ x: f32([2], [0, 4]) }, 4), /expected 8 bytes for F32 of 2, given 4/],
    ['one offset', told({ x: f32([1], [0]) }, 4), /data_offsets: expected two integers >= 0/],
    ['an offset below 0', told({ x: f32([1], [-4, 0]) }, 4), /data_offsets: expected two integers >= 0/],
    ['half an offset', told({ x: f32([1], [0.5, 4.5]) }, 8), /data_offsets: expected two integers >= 0/],
    [
      'offsets the wrong way',
      told({ x: f32([1], [4, 0]) }, 4),
      /data_offsets: expected a part of \[0, 4\], given \[4,0\]/,
    ],
    ['an end past the file', told({ x: f32([2], [0, 8]) }, 4), /data_offsets: expected a part of \[0, 4\]/],
    [
      'an overlap',
      told({ x: f32([2], [0, 8]), y: f32([1], [4, 8]) }, 8),
      /tensor 'y': expected data that begin at 8, given 4, which overlaps/,
    ],
    [
      'the same data twice',
      told({ x: f32([1], [0, 4]), y: f32([1], [0, 4]) }, 4),
      /tensor 'y': expected data that begin at 4/,
    ],
    [
      'a hole',
      told({ x: f32([1], [0, 4]), y: f32([1], [8, 12]) }, 12),
      /tensor 'y': .* given 8, which leaves a hole/,
    ],
    ['a hole at the start', told({ x: f32([1], [4, 8]) }, 8), /tensor 'x': .* leaves a hole/],
    [
      'data that nobody has',
      told({ x: f32([1], [0, 4]) }, 8),
      /the data: expected 4 bytes, as the header says, given 8/,
    ],
    ['half a byte', told({ x: tensor('F4', [3], [0, 1]) }, 1), /expected 1\.5 bytes/],
    [
      'metadata that are numbers',
      file('{"__metadata__":{"a":1}}'),
      /__metadata__: expected an object of strings/,
    ],
    [
      'metadata that are a string',
      file('{"__metadata__":"a"}'),
      /__metadata__: expected an object of strings/,
    ],
    [
      'a name twice',
      file(
        '{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}, "\\u0078" : {"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
      ),
      /names that differ, given 'x' twice/,
    ],
    [
      'a field twice',
      file('{"x":{"dtype":"F32","shape":[0],"shape":[1],"data_offsets":[0,0]}}'),
      /given 'shape' twice/,
    ],
    ['a metadata key twice', file('{"__metadata__":{"a":"\\"}","a":""}}'), /given 'a' twice/],
  ]

  test.each(lies)('%s', (_, bytes, message) => {
    let error: unknown
    try {
      readSafetensors(bytes)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(FormatError)
    expect((error as FormatError).fn).toBe('readSafetensors')
    expect((error as Error).message).toMatch(message)
  })

  test('the same names in different objects are none', () => {
    const header =
      '{"__metadata__":{"x":"x","dtype":"{"},"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    expect(entries(file(header, Uint8Array.of(5)), 'x')).toEqual([5])
  })

  test('no bytes at all', () => {
    expect(() => readSafetensors('file' as never)).toThrow(FormatError)
    expect(() => readSafetensors(undefined as never)).toThrow(FormatError)
  })
})

describe('what cannot be written', () => {
  test.each([NaN, Infinity, -Infinity])('%s', (bad) => {
    const A = ndarray(new Float32Array([1, 2, 3, bad]), [2, 2])
    expect(() => writeSafetensors({ A }, { dtype: 'F16' })).toThrow(
      new NotFiniteError({ fn: 'writeSafetensors', argument: "tensors['A']", value: bad, index: [1, 1] })
        .message,
    )
  })

  test('what rounds to more than the dtype has', () => {
    const fits =
      (x: number, dtype: 'F16' | 'BF16' | 'F32'): (() => unknown) =>
      () =>
        writeSafetensors({ x: [x] }, { dtype })
    expect(fits(65519.99, 'F16')).not.toThrow()
    expect(fits(65520, 'F16')).toThrow(
      "writeSafetensors: options.dtype: expected one that holds tensors['x'], given 'F16' for 65520 at 0 of 1",
    )
    expect(fits(-3.4e38, 'BF16')).toThrow(OptionError)
    expect(fits(3.4e38, 'F32')).not.toThrow()
    expect(fits(1e39, 'F32')).toThrow(OptionError)
  })

  test('what is no tensor, names, options', () => {
    expect(() => writeSafetensors({ x: 'text' as never })).toThrow(ShapeError)
    expect(() => writeSafetensors(null as never)).toThrow(ShapeError)
    expect(() =>
      writeSafetensors([
        ['a', [1]],
        ['a', [2]],
      ]),
    ).toThrow(/names that differ .* given 'a'/)
    expect(() => writeSafetensors({ __metadata__: [1] })).toThrow(OptionError)
    expect(() => writeSafetensors([1 as never])).toThrow(OptionError)
    expect(() => writeSafetensors({}, { dtype: 'F8' as never })).toThrow(
      /options\.dtype: expected 'F64' \| 'F32'/,
    )
    expect(() => writeSafetensors({}, { metadata: { a: 1 as never } })).toThrow(
      /options\.metadata: expected an object of strings/,
    )
    expect(() => writeSafetensors({}, { type: 'F32' } as never)).toThrow(OptionError)
  })
})
