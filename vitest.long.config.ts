import { defineConfig } from 'vitest/config'

const report = process.env['TEST_REPORT']

/** What is longer by nature: kills, leaks, fuzzing, costs. One file at a time, so that counts mean something. */
export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts', 'test/**/*.long.test.ts'],
    testTimeout: 240_000,
    fileParallelism: false,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
