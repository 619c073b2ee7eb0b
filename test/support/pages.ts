import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, dirname, extname } from 'node:path'
import { build } from 'esbuild'
import type { BuildOptions } from 'esbuild'
import type { Browser, Page } from 'playwright-core'

// Code for a page is a module that exports functions. It is bundled in-process, served from 127.0.0.1, and
// its functions are called from the test, with arguments and results that JSON can carry.

/** What the server serves: file name → content. */
export type Files = ReadonlyMap<string, Uint8Array>

/** Functions that a page's module exports. */
type Exports = Record<string, (...args: never[]) => unknown>

export interface OpenPage<M> {
  readonly page: Page
  /** Calls an exported function in the page; what it throws there is thrown here. */
  call<K extends keyof M & string>(
    name: K,
    ...args: M[K] extends (...args: infer A) => unknown ? A : never
  ): Promise<M[K] extends (...args: never[]) => infer R ? Awaited<R> : never>
  close(): Promise<void>
}

/** Bundles the module at `path` as esbuild does for a browser; `options` go to esbuild. */
export async function bundlePage(path: string, options: BuildOptions = {}): Promise<Files> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import * as page from ${JSON.stringify(`./${basename(path)}`)}\nglobalThis.page = page`,
      resolveDir: dirname(path),
    },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    sourcemap: 'inline',
    logLevel: 'error',
    outdir: '/',
    entryNames: 'entry',
    ...options,
    write: false,
  })
  return new Map(outputFiles.map((file) => [basename(file.path), file.contents]))
}

/** Opens a cross-origin isolated page that runs `entry.js` of the files, under a policy where one is given. */
export async function openPage<M extends Exports>(
  browser: Browser,
  files: Files,
  contentSecurityPolicy?: string,
): Promise<OpenPage<M>> {
  const server = createServer((request, response) => {
    const name = basename(request.url ?? '/') || 'index.html'
    const content = name === 'index.html' ? html : files.get(name)
    response.writeHead(content === undefined ? 404 : 200, {
      'Content-Type': types[extname(name)] ?? 'application/octet-stream',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Cache-Control': 'no-store',
      ...(contentSecurityPolicy && { 'Content-Security-Policy': contentSecurityPolicy }),
    })
    response.end(content)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const page = await browser.newPage()
  const failures: string[] = []
  page.on('pageerror', (error) => failures.push(error.stack ?? error.message))
  // The load event comes after the module has run.
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { waitUntil: 'load' })
  if (failures.length > 0) throw new Error(`the page failed to start:\n${failures.join('\n')}`)
  return {
    page,
    call: (name, ...args) =>
      page.evaluate(
        ([name, args]) => {
          const module = (globalThis as unknown as { page: Record<string, (...args: unknown[]) => never> })
            .page
          return module[name]!(...args)
        },
        [name, args] as const,
      ),
    close: async () => {
      await page.close()
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

const html =
  '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/entry.js"></script>'

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}
