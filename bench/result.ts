/** The result of a run, as it is printed, plotted and written. */
import type { Samples } from './samples.ts'
import type { Mode, Row } from './workload.ts'

export interface WorkloadResult {
  readonly name: string
  readonly title: string
  readonly rows: readonly Row[]
  readonly samples: Samples
}

/** Where, when and with what it was measured. */
export interface Circumstances {
  readonly date: string
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly memoryGb: number
    readonly system: string
  }
  readonly versions: Readonly<Record<string, string>>
}

export interface Result extends Circumstances {
  readonly mode: Mode
  readonly minutes: number
  readonly workloads: readonly WorkloadResult[]
}
