import { readdirSync } from 'node:fs'
import { build } from 'esbuild'
import { defineConfig } from 'tsup'
import type { Options } from 'tsup'

// One entry for each subpath of the package. Chunks are shared between them in both formats, so that a class
// is one class and `instanceof` holds, whichever subpath it came through.

const entry = {
  index: 'src/index.ts',
  linalg: 'src/linalg/index.ts',
  sketch: 'src/sketch/index.ts',
  factorize: 'src/factorize/index.ts',
  gpu: 'src/gpu/index.ts',
  recipes: 'src/recipes/index.ts',
  testing: 'src/testing/index.ts',
  mathjs: 'src/mathjs/index.ts',
}

const peers = ['gpu.js', 'mathjs', 'fast-check', 'webgpu']

/**
 * Makes dist/*.cjs from dist/*.js, file by file. tsup has a way of its own to split CommonJS, but it rewrites
 * `a ?? (yield* b)` into a function that cannot yield.
 */
async function commonjs(): Promise<void> {
  await build({
    entryPoints: readdirSync('dist')
      .filter((file) => file.endsWith('.js'))
      .map((file) => `dist/${file}`),
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    platform: 'node',
    target: 'es2022',
    bundle: true,
    packages: 'external',
    plugins: [
      {
        name: 'chunks stay apart',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\./ }, ({ path, kind }) =>
            kind === 'entry-point' ? undefined : { path: path.replace(/\.js$/, '.cjs'), external: true },
          ),
      },
    ],
  })
}

/** The modules alone; the site's notebooks want no more. */
export const modules = {
  entry,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  splitting: true,
  external: ['ndarray', ...peers],
} satisfies Options

export default defineConfig([
  { ...modules, clean: true, onSuccess: commonjs },
  { entry, format: ['esm', 'cjs'], dts: { only: true } },
])
