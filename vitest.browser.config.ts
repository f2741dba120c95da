import { defineConfig } from 'vitest/config'
import { fromSources, reporters } from './vitest.shared.ts'

/** What needs a browser: the chat page, in a real Chromium. */
export default defineConfig({
  resolve: fromSources,
  test: {
    include: ['test/**/*.browser.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    maxWorkers: 2,
    reporters,
  },
})
