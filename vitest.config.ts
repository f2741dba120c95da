import { defineConfig } from 'vitest/config'
import { fromSources, reporters } from './vitest.shared.ts'

/** What has a script of its own: kills, leaks, floods and costs, many programs, a browser. */
const APART = [
  'test/long/**',
  'test/**/*.long.test.ts',
  'test/**/*.program.test.ts',
  'test/**/*.browser.test.ts',
]

export default defineConfig({
  resolve: fromSources,
  test: {
    include: ['test/**/*.test.ts'],
    exclude: APART,
    testTimeout: 20_000,
    // Rows of the fault table wait more than they work.
    maxConcurrency: 24,
    // Tests wait as often as they work, and vitest would leave one core of two to itself.
    maxWorkers: 3,
    // Engines share nothing, so files may share a process: loading the code for each of a hundred
    // takes as long as half of the tests.
    isolate: false,
    reporters,
  },
})
