import { FormatError, describe } from '../../linalg/errors.js'
import { DTYPES } from './dtypes.js'

// The header of a safetensors file: eight bytes with the length of a JSON text, the text, and then the data, which the
// text divides up among names. It is held to what it says: data of the size that dtype and shape make, that lie one
// after another from the first byte to the last.

export const READ = 'readSafetensors'

/** What a header says of one tensor; offsets count from the beginning of the file. */
export interface Entry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

export interface Header {
  readonly metadata: Readonly<Record<string, string>>
  /** In the order of their data. */
  readonly entries: ReadonlyMap<string, Entry>
}

/** The reference implementation's own limit, 100 MB. */
const LONGEST = 100_000_000

export function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < 8) fail('bytes', 'at least the 8 bytes of a length', `${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true)
  const longest = Math.min(LONGEST, bytes.length - 8)
  if (length > longest)
    fail('the header’s length', `at most ${longest} of ${bytes.length} bytes`, `${length}`)
  const { __metadata__: metadata, ...named } = parsed(bytes.subarray(8, 8 + length))
  const start = 8 + length
  const entries = Object.entries(named)
    .map(([name, info]): [string, Entry] => [name, entryOf(name, info, start, bytes.length)])
    .sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let at = start
  for (const [name, { begin, end }] of entries) {
    if (begin !== at) {
      const what = begin < at ? 'overlaps' : 'leaves a hole after'
      fail(
        `tensor '${name}'`,
        `data that begin at ${at - start}`,
        `${begin - start}, which ${what} the one before`,
      )
    }
    at = end
  }
  if (at !== bytes.length) {
    fail('the data', `${at - start} bytes, as the header says`, `${bytes.length - start}`)
  }
  return { metadata: metadataOf(metadata), entries: new Map(entries) }
}

function parsed(bytes: Uint8Array): Record<string, unknown> {
  const argument = 'the header'
  let text: string
  try {
    // A copy, since a decoder refuses shared memory.
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes))
  } catch (cause) {
    return fail(argument, 'UTF-8', 'other bytes', cause)
  }
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch (cause) {
    return fail(argument, 'JSON', `what is none: ${(cause as Error).message}`, cause)
  }
  if (!text.startsWith('{') || !isRecord(header))
    return fail(argument, 'an object, from its first byte', describe(text))
  const twice = repeatedKey(text)
  if (twice !== undefined) fail(argument, 'names that differ', `${twice} twice`)
  return header
}

function entryOf(name: string, info: unknown, start: number, size: number): Entry {
  const argument = `tensor '${name}'`
  if (!isRecord(info)) return fail(argument, '{ dtype, shape, data_offsets }', describe(info))
  const { dtype, shape, data_offsets: offsets } = info
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPES, dtype)) {
    return fail(`${argument}.dtype`, Object.keys(DTYPES).join(' | '), describe(dtype))
  }
  if (!isCounts(shape)) return fail(`${argument}.shape`, 'integers >= 0', shown(shape))
  if (!isCounts(offsets) || offsets.length !== 2) {
    return fail(`${argument}.data_offsets`, 'two integers >= 0', shown(offsets))
  }
  const [begin, end] = offsets as [number, number]
  if (begin > end || end > size - start) {
    return fail(`${argument}.data_offsets`, `a part of [0, ${size - start}]`, shown(offsets))
  }
  // Beyond 2⁵³ the product is not exact, but then it is beyond the size of any file, too.
  const count = shape.includes(0) ? 0 : shape.reduce((product, length) => product * length, 1)
  const bits = count * DTYPES[dtype]!.bits
  if (bits !== 8 * (end - begin)) {
    return fail(
      `${argument}.data_offsets`,
      `${bits / 8} bytes for ${dtype} of ${shape.join('×')}`,
      `${end - begin}`,
    )
  }
  return { dtype, shape, begin: start + begin, end: start + end }
}

function metadataOf(metadata: unknown = {}): Readonly<Record<string, string>> {
  if (isRecord(metadata) && Object.values(metadata).every((value) => typeof value === 'string')) {
    return metadata as Record<string, string>
  }
  return fail('__metadata__', 'an object of strings', shown(metadata))
}

/** The first key that an object of a (valid) JSON text has twice: JSON.parse takes the last one without a word. */
function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = []
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '{') open.push(new Set())
    else if (char === '}') open.pop()
    else if (char === '"') {
      const from = i++
      while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1
      let next = i + 1
      while (' \t\n\r'.includes(text[next]!)) next++
      if (text[next] !== ':') continue
      const key = JSON.parse(text.slice(from, i + 1)) as string
      if (open.at(-1)!.has(key)) return describe(key)
      open.at(-1)!.add(key)
    }
  }
  return undefined
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && (count as number) >= 0)

/** A JSON value in a message. */
const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 60)

function fail(argument: string, expected: string, given: string, cause?: unknown): never {
  throw new FormatError({ fn: READ, argument, expected, given }, cause === undefined ? undefined : { cause })
}
