import { defineConfig } from 'vitest/config'

// `node` is everything that runs in Node alone, `browser` needs Chromium, `bundle` the built package (and
// Chromium for some of it), `docs` the notebooks on it, in Chromium. `npm test -- --project node` runs one of them.

export default defineConfig({
  test: {
    // A real main thread for each file: Atomics.wait and native addons want one.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['test/**/*.test.ts', 'proptests/**/*.test.ts'],
          exclude: ['test/browser/**', 'test/bundle/**', 'test/docs/**', 'test/site/**'],
        },
      },
      { extends: true, test: { name: 'browser', include: ['test/browser/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'bundle',
          include: ['test/bundle/**/*.test.ts'],
          globalSetup: ['test/support/buildpackage.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'docs',
          include: ['test/docs/**/*.test.ts'],
          globalSetup: ['test/docs/setup.ts'],
        },
      },
    ],
  },
})
