import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { config, observable } from '@observablehq/notebook-kit/vite'
import { transformSync } from 'esbuild'
import { build as buildPackage } from 'tsup'
import { build } from 'vite'
import type { Alias, Plugin } from 'vite'
import { modules } from '../../tsup.config.js'
import { writeNotebookData } from './data.js'

// docs/notebooks/*.html, notebooks in the form of @observablehq/notebook-kit, as pages that need nothing but
// their own server. The kit's own build takes its libraries from a CDN; here each is the installed package.

const root = fileURLToPath(new URL('../..', import.meta.url))
const source = join(root, 'docs/notebooks')

/** The names of all notebooks, without .html. */
export const notebookNames = (): string[] =>
  readdirSync(source)
    .filter((file) => file.endsWith('.html') && file !== 'template.html')
    .map((file) => basename(file, '.html'))

/** Builds dist/ as `npm run build` does, but for CommonJS and types. */
export async function buildModules(): Promise<void> {
  process.chdir(root)
  await buildPackage({ ...modules, config: false, silent: true })
}

/** Builds the notebooks on dist/ into `out`, with their data. */
export async function buildNotebooks(out: string): Promise<void> {
  // Of the kit's aliases, that of npm: makes addresses of a CDN.
  const aliases = config().resolve?.alias as readonly Alias[]
  const alias = aliases.filter(({ find }) => !String(find).includes('npm:'))
  await build({
    ...config(),
    root: source,
    configFile: false,
    logLevel: 'warn',
    resolve: {
      alias: [...alias, { find: /^lowrank$/, replacement: join(root, 'dist/index.js') }, ...subpaths],
    },
    plugins: [offline(), observable({ template: join(source, 'template.html') }), appearance()],
    build: {
      outDir: out,
      emptyOutDir: true,
      target: 'esnext',
      chunkSizeWarningLimit: 4000,
      reportCompressedSize: false,
      rollupOptions: {
        input: notebookNames().map((name) => join(source, `${name}.html`)),
        // The kit names exports of libraries that are stubs here.
        shimMissingExports: true,
        onLog: (level, log, handler) => {
          if (log.code !== 'SHIMMED_EXPORT' && log.code !== 'PLUGIN_TIMINGS') handler(level, log)
        },
      },
    },
  })
  writeNotebookData(join(out, 'data'))
}

const subpaths = [{ find: /^lowrank\/(\w+)$/, replacement: join(root, 'dist/$1.js') }]

const CDN = /^(?:npm:|https:\/\/cdn\.jsdelivr\.net\/npm\/)/
const STUB = '\0not-installed:'

/** Maps npm: and CDN addresses to installed packages; what is not installed throws when it is used. */
function offline(): Plugin {
  return {
    name: 'offline',
    enforce: 'pre',
    async resolveId(id) {
      if (id.startsWith(STUB)) return id
      if (!CDN.test(id)) return null
      const path = id.replace(CDN, '').replace(/\/\+esm$/, '')
      const name = path.replace(/^((?:@[^/]+\/)?[^/@]+)@[^/]+/, '$1')
      return (await this.resolve(name, join(root, 'package.json'), { skipSelf: true })) ?? STUB + name
    },
    load(id) {
      if (!id.startsWith(STUB)) return null
      const message = `${id.slice(STUB.length)} is not installed here: see scripts/docs/notebooks.ts`
      return `throw new Error(${JSON.stringify(message)})\nexport default undefined`
    },
    transform(code, id) {
      if (id.endsWith('/stdlib/tex.js')) {
        return code.replace(/const link[\s\S]*?appendChild\(link\);/, 'import "katex/dist/katex.min.css";')
      }
      // A width of 0 is that of a page which is not laid out yet; plots of it would have negative sizes.
      if (id.endsWith('/generators/width.js'))
        return code.replace('if (w !== width)', 'if (w > 0 && w !== width)')
      if (id.endsWith('.css'))
        return code.replace(/url\("https:\/\/cdn\.jsdelivr\.net\/npm\/([^"]+)"\)/g, '"$1"')
      return null
    },
  }
}

/** Puts support/appearance.ts into each page, behind its themes. */
function appearance(): Plugin {
  const text = readFileSync(join(source, 'support/appearance.ts'), 'utf8')
  const children = transformSync(text, { loader: 'ts', minify: true }).code
  return {
    name: 'appearance',
    transformIndexHtml: { order: 'post', handler: () => [{ tag: 'script', children, injectTo: 'body' }] },
  }
}
