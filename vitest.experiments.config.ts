import { defineConfig } from 'vitest/config'

// The papers' headlines at small scale: `npm run experiments`, or `npm run experiments -- frequent-directions`.

export default defineConfig({
  test: { pool: 'forks', maxWorkers: 2, testTimeout: 400_000, include: ['experiments/**/*.test.ts'] },
})
