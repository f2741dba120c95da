/** What a measuring process is told, and what it tells: plain data, for it crosses a process. */
import type { Client, ClientOptions, OpenClient } from '../clients/client.ts'

export interface Task extends ClientOptions {
  /** The file in `measures`. */
  readonly measure: string
  /** The file in `clients`. */
  readonly client: string
  /** What the measure wants to know. */
  readonly options: Readonly<Record<string, number>>
}

/** Named numbers; a name ends in its unit. */
export type Figures = Readonly<Record<string, number>>

export type Measure = (task: Task) => Promise<Figures>

export async function openClient(task: Task): Promise<Client> {
  const { open } = (await import(`../clients/${task.client}.ts`)) as { open: OpenClient }
  return await open(task)
}

/** An option that the workload has to give. */
export function option(task: Task, name: string): number {
  const value = task.options[name]
  if (value === undefined) throw new Error(`The measure ${task.measure} needs the option ${name}.`)
  return value
}
