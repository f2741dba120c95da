import { defineConfig } from 'vitest/config'
import { reporters } from './vitest.shared.ts'

/** What is longer by nature: kills, leaks, fuzzing, costs. One file at a time, so that counts mean something. */
export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts', 'test/**/*.long.test.ts'],
    testTimeout: 240_000,
    fileParallelism: false,
    reporters,
  },
})
