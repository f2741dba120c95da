/** Writes `docs/benchmarks`: the page, its plot, and all samples as JSON. */
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Baseline } from '../baseline.ts'
import { ROOT } from '../preparation.ts'
import type { Result } from '../result.ts'
import { page } from './page.ts'
import { plot } from './plot.ts'

const FOLDER = join(ROOT, 'docs', 'benchmarks')

export async function writeReport(result: Result, baseline: Baseline): Promise<void> {
  await mkdir(FOLDER, { recursive: true })
  await writeFile(join(FOLDER, 'results.json'), `${JSON.stringify(result, null, 2)}\n`)
  await writeFile(join(FOLDER, 'cpu.svg'), plot(result))
  await writeFile(join(FOLDER, 'README.md'), page(result, baseline))
  // The project's format check includes these files.
  execFileSync(join(ROOT, 'node_modules', '.bin', 'oxfmt'), [FOLDER])
}
