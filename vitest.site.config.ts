import { defineConfig } from 'vitest/config'

// The site that `npm run docs` built, read through and opened in Chromium: `npm run docs:check`.

export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/site/**/*.test.ts'],
    maxConcurrency: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
