/** A process that makes one measurement and sends the figures to its parent. */
import type { Measure, Task } from './measures/task.ts'

const task = JSON.parse(process.argv[2] ?? '') as Task
const { measure } = (await import(`./measures/${task.measure}.ts`)) as { measure: Measure }
const figures = await measure(task)
const peakRssMb = process.resourceUsage().maxRSS / 1024
process.send?.({ ...figures, peakRssMb }, () => process.exit())
if (process.send === undefined) console.log({ ...figures, peakRssMb })
