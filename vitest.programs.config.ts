import { defineConfig } from 'vitest/config'

const report = process.env['TEST_REPORT']

/** What starts one program after another: bundlers, package managers, terminals. */
export default defineConfig({
  // Examples import the package by its name. Tests run without a build.
  resolve: {
    alias: [
      { find: /^colloquy$/, replacement: `${import.meta.dirname}/src/index.ts` },
      { find: /^colloquy\/(http|client)$/, replacement: `${import.meta.dirname}/src/$1.ts` },
    ],
  },
  test: {
    include: ['test/**/*.program.test.ts'],
    testTimeout: 120_000,
    maxWorkers: 2,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
