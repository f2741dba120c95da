/** `npm run bench`: measures, prints, and writes the files that its options ask for. */
import { readArguments, USAGE } from './arguments.ts'
import { Baseline } from './baseline.ts'
import { Measuring } from './measuring.ts'
import { checkTypes, installPeers, prepareBuild } from './preparation.ts'
import { machineAndVersions } from './report/circumstances.ts'
import { writeReport } from './report/report.ts'
import type { Result, WorkloadResult } from './result.ts'
import { clientTable, rowTable } from './report/tables.ts'
import { Samples } from './samples.ts'
import { labelOf, type Mode, type Workload } from './workload.ts'
import { WORKLOADS } from './workloads/workloads.ts'

async function runWorkload(
  workload: Workload,
  mode: Mode,
  measuring: Measuring,
): Promise<WorkloadResult> {
  const samples = new Samples()
  for (let round = 0; round < workload.rounds[mode]; round += 1) {
    for (const entry of workload.entries(mode)) {
      if (round >= (entry.rounds ?? Infinity)) continue
      // One process at a time: they must not share the machine.
      const figures = await measuring.measure(entry)
      samples.add(round, labelOf(entry), figures)
    }
    process.stderr.write('.')
  }
  process.stderr.write('\n')
  const { name, title } = workload
  return { name, title, rows: workload.rows(samples), samples }
}

async function main(): Promise<void> {
  const { mode, only, write, writeBaseline, build } = readArguments(process.argv.slice(2))
  const startedAt = performance.now()
  installPeers()
  checkTypes()
  const built = prepareBuild(build)
  const baseline = Baseline.read()
  const measuring = await Measuring.start(built)
  const workloads: WorkloadResult[] = []
  try {
    for (const workload of WORKLOADS) {
      if (only.length > 0 && !only.includes(workload.name)) continue
      console.log(`\n${workload.name}: ${workload.title}`)
      const workloadStartedAt = performance.now()
      const result = await runWorkload(workload, mode, measuring)
      console.log(`${Math.round((performance.now() - workloadStartedAt) / 1_000)} s\n`)
      console.log(clientTable(result.samples, 'text'))
      workloads.push(result)
    }
  } finally {
    measuring.stop()
  }
  const minutes = (performance.now() - startedAt) / 60_000
  const result: Result = { mode, minutes, ...machineAndVersions(), workloads }
  const rows = workloads.flatMap((workload) => workload.rows)
  console.log(`\n${rowTable(rows, baseline, 'text')}`)
  console.log(`\n${mode} run, ${minutes.toFixed(1)} minutes`)
  if (write) await writeReport(result, baseline)
  if (writeBaseline) Baseline.write(result)
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  if (error instanceof TypeError || String(error).includes('option')) console.error(`\n${USAGE}`)
  process.exitCode = 1
}
