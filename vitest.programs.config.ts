import { defineConfig } from 'vitest/config'
import { fromSources, reporters } from './vitest.shared.ts'

/** What starts one program after another: bundlers, package managers, terminals. */
export default defineConfig({
  resolve: fromSources,
  test: {
    include: ['test/**/*.program.test.ts'],
    testTimeout: 120_000,
    maxWorkers: 2,
    reporters,
  },
})
