/** What the configurations of all tests share. */
import type { ViteUserConfig } from 'vitest/config'

const report = process.env['TEST_REPORT']

/** Examples import the package by its name. Tests run without a build. */
export const fromSources = {
  alias: [
    { find: /^colloquy$/, replacement: `${import.meta.dirname}/src/index.ts` },
    { find: /^colloquy\/(http|client)$/, replacement: `${import.meta.dirname}/src/$1.ts` },
  ],
}

/** With `TEST_REPORT`, the results are written to that file too. */
export const reporters: NonNullable<ViteUserConfig['test']>['reporters'] = report
  ? ['default', ['json', { outputFile: report }]]
  : ['default']
