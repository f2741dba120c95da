/** The options of `npm run bench` on the command line. Knows nothing of how a workload runs. */
import { parseArgs } from 'node:util'
import type { Mode } from './workload.ts'
import { WORKLOADS } from './workloads/workloads.ts'

export interface Arguments {
  readonly mode: Mode
  /** Names of workloads. Empty means all. */
  readonly only: readonly string[]
  readonly write: boolean
  readonly writeBaseline: boolean
  /** The folder of a finished build to measure. Absent: a new build is made. */
  readonly build: string | undefined
}

export const USAGE = `npm run bench -- [options] [workload …]

  --quick            fewer rounds and peers: under 3 minutes
  --only <workload>  one more workload, as without --only: ${WORKLOADS.map(({ name }) => name).join(', ')}
  --write            writes docs/benchmarks: the tables, the plot and the JSON
  --write-baseline   writes bench/baseline.json, which later runs are compared with
  --build <folder>   measures this build in place of a new one, for a comparison of two
`

/** @throws with a message for the user */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      write: { type: 'boolean', default: false },
      'write-baseline': { type: 'boolean', default: false },
      build: { type: 'string' },
    },
  })
  const only = [...values.only, ...positionals]
  const unknown = only.find((name) => WORKLOADS.every((workload) => workload.name !== name))
  if (unknown !== undefined) throw new Error(`There is no workload "${unknown}".`)
  if ((values.write || values['write-baseline']) && (only.length > 0 || values.quick)) {
    throw new Error('What is written is a full run: leave out --quick and --only.')
  }
  return {
    mode: values.quick ? 'quick' : 'full',
    only,
    write: values.write,
    writeBaseline: values['write-baseline'],
    build: values.build,
  }
}
