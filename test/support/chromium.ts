import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliDecompress, createBrotliDecompress } from 'node:zlib'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'

// A real Chromium without a download beside npm's: @sparticuz/chromium carries it as brotli archives, with
// the few libraries it needs and SwiftShader, the software renderer behind its WebGL2 and WebGPU. The same
// SwiftShader serves Dawn (npm `webgpu`) in Node. Everything is unpacked once, under node_modules/.cache.

interface UnpackedChromium {
  /** The folder that holds the binary, SwiftShader's files, lib/ and fonts/. */
  readonly folder: string
  readonly executablePath: string
  /** The whole environment of the browser's process. */
  readonly env: Record<string, string>
  readonly flags: readonly string[]
}

const root = fileURLToPath(new URL('../..', import.meta.url))

const flags = [
  '--no-sandbox',
  // WebGL2 and WebGPU, both on SwiftShader: all five are needed together.
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
  '--use-angle=swiftshader',
  '--ignore-gpu-blocklist',
  // Pages themselves are drawn by the processor, without the way through WebGL in software.
  '--disable-gpu-rasterization',
  '--disable-accelerated-2d-canvas',
  // Tests talk to 127.0.0.1 alone.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
]

let told = false

/**
 * True where the packaged Chromium can run: Linux on x64. Elsewhere it says so loudly, once per process, for
 * callers to skip; with CI=true it throws, since a check that never runs there is no check.
 */
export function browserSupported(): boolean {
  if (process.platform === 'linux' && process.arch === 'x64') return true
  const message = `Chromium and SwiftShader from npm run on linux x64 only, this is ${process.platform} ${process.arch}`
  if (process.env['CI'] === 'true') throw new Error(message)
  if (!told) {
    const line = '─'.repeat(message.length + 2)
    console.warn(
      `┌${line}┐\n│ ${message} │\n│ ${'SKIPPED: all browser and WebGPU tests'.padEnd(message.length)} │\n└${line}┘`,
    )
    told = true
  }
  return false
}

/** Unpacks the browser, once per version of the package; safe where two processes start together. */
async function unpackChromium(): Promise<UnpackedChromium> {
  const archives = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '../../bin')
  const { version } = JSON.parse(await readFile(join(archives, '../package.json'), 'utf8')) as {
    version: string
  }
  const cache = join(root, 'node_modules/.cache/lowrank-chromium')
  const folder = join(cache, version)
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true })
    const draft = await mkdtemp(join(cache, 'unpacking-'))
    try {
      await unpackInto(draft, archives)
      await rename(draft, folder)
    } catch (error) {
      // A rename onto a folder with files fails: then another process was first, and its work is as good.
      if (!existsSync(folder)) throw error
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
  }
  return { folder, executablePath: join(folder, 'chromium'), env: browserEnv(folder), flags }
}

/** Starts the browser, headless. The caller closes it. */
export async function launchChromium(): Promise<Browser> {
  const { executablePath, env, flags } = await unpackChromium()
  return chromium.launch({ executablePath, env, args: [...flags], headless: true })
}

/**
 * What a Node process must be started with for npm `webgpu` to find SwiftShader. Not for Chromium, which
 * loses WebGL2 by it. LD_LIBRARY_PATH is read when a process starts: a parent has to set it.
 */
export async function swiftshaderEnv(): Promise<Record<string, string>> {
  const { folder } = await unpackChromium()
  return {
    VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json'),
    LD_LIBRARY_PATH: searchPath(folder),
  }
}

function browserEnv(folder: string): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith('VK_')) env[name] = value
  }
  return {
    ...env,
    LD_LIBRARY_PATH: searchPath(join(folder, 'lib')),
    FONTCONFIG_PATH: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
  }
}

function searchPath(first: string): string {
  const rest = (process.env['LD_LIBRARY_PATH'] ?? '').split(delimiter)
  return [first, ...rest.filter((part) => part !== '' && part !== first)].join(delimiter)
}

const fontsConf = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`

async function unpackInto(folder: string, archives: string): Promise<void> {
  const binary = join(folder, 'chromium')
  await Promise.all([
    pipeline(
      createReadStream(join(archives, 'chromium.br')),
      createBrotliDecompress({ chunkSize: 2 ** 21 }),
      createWriteStream(binary),
    ),
    ...['al2023', 'swiftshader', 'fonts'].map((name) => untar(join(archives, `${name}.tar.br`), folder)),
  ])
  await chmod(binary, 0o755)
  // The package's own file looks for fonts in fixed places of a server.
  await writeFile(join(folder, 'fonts.conf'), fontsConf)
}

/** These archives hold plain files and folders with short names, so a few lines read them. */
async function untar(archive: string, folder: string): Promise<void> {
  const tar = await promisify(brotliDecompress)(await readFile(archive))
  const text = (start: number, length: number) =>
    tar.toString('latin1', start, start + length).replace(/\0.*$/s, '')
  for (let at = 0; at < tar.length && tar[at] !== 0;) {
    const name = text(at, 100)
    const size = parseInt(text(at + 124, 12), 8)
    const type = text(at + 156, 1)
    if (type === '0') {
      const path = join(folder, name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, tar.subarray(at + 512, at + 512 + size), { mode: 0o755 })
    } else if (type !== '5') {
      throw new Error(`${archive}: entry ${name} is of type '${type}', expected a file or a folder`)
    }
    at += 512 * (1 + Math.ceil(size / 512))
  }
}
