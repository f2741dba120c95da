import { defineConfig } from 'vitest/config'

const report = process.env['TEST_REPORT']

/** What needs a browser: the chat page, in a real Chromium. */
export default defineConfig({
  // Examples import the package by its name. Tests run without a build.
  resolve: {
    alias: [
      { find: /^colloquy$/, replacement: `${import.meta.dirname}/src/index.ts` },
      { find: /^colloquy\/(http|client)$/, replacement: `${import.meta.dirname}/src/$1.ts` },
    ],
  },
  test: {
    include: ['test/**/*.browser.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    maxWorkers: 2,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
