import { defineConfig } from 'vitest/config'

/** What has a script of its own: kills, leaks, floods and costs, many programs, a browser. */
const APART = [
  'test/long/**',
  'test/**/*.long.test.ts',
  'test/**/*.program.test.ts',
  'test/**/*.browser.test.ts',
]

const report = process.env['TEST_REPORT']

export default defineConfig({
  // Examples import the package by its name. Tests run without a build.
  resolve: {
    alias: [
      { find: /^colloquy$/, replacement: `${import.meta.dirname}/src/index.ts` },
      { find: /^colloquy\/(http|client)$/, replacement: `${import.meta.dirname}/src/$1.ts` },
    ],
  },
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
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
