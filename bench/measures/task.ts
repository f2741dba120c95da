/**
 * The messages between a measuring process and its parent. They are plain data, since they are sent
 * between processes.
 */
import type { Client, ClientOptions, OpenClient } from '../clients/client.ts'

export interface Task extends ClientOptions {
  /** The name of the file in `measures/`. */
  readonly measure: string
  /** The name of the file in `clients/`. */
  readonly client: string
  /** The options that this measure reads. */
  readonly options: Readonly<Record<string, number>>
}

/** Named numbers; a name ends in its unit. */
export type Figures = Readonly<Record<string, number>>

export type Measure = (task: Task) => Promise<Figures>

export async function openClient(task: Task): Promise<Client> {
  const { open } = (await import(`../clients/${task.client}.ts`)) as { open: OpenClient }
  return await open(task)
}

/** An option that the workload must give. */
export function option(task: Task, name: string): number {
  const value = task.options[name]
  if (value === undefined) throw new Error(`The measure ${task.measure} needs the option ${name}.`)
  return value
}
