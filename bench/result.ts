/** The result of a benchmark run. It is printed, plotted and written. */
import type { Samples } from './samples.ts'
import type { Mode, Row } from './workload.ts'

export interface WorkloadResult {
  readonly name: string
  readonly title: string
  readonly rows: readonly Row[]
  readonly samples: Samples
}

/** When, where and with which versions a result was measured. */
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
