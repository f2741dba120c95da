/** The time that `createEngine` takes, on an empty database and on one with many conversations. */
import { join } from 'node:path'
import { openEngine } from '../clients/colloquy-engine.ts'
import { question } from '../provider/reply-shape.ts'
import { multiplyConversations } from './multiplied-database.ts'
import { median, Stopwatch } from './stopwatch.ts'
import { type Measure, option, type Task } from './task.ts'

export const measure: Measure = async (task) => {
  const conversations = option(task, 'conversations')
  const full = join(task.directory, 'full.db')
  await createOne(task, full)
  multiplyConversations(full, conversations)
  const empty: number[] = []
  const filled: number[] = []
  for (let n = 0; n < option(task, 'rounds'); n += 1) {
    empty.push(await opening(task, join(task.directory, `empty-${n}.db`)))
    filled.push(await opening(task, full))
  }
  return { newDatabaseMs: median(empty), fullDatabaseMs: median(filled) }
}

async function createOne(task: Task, database: string): Promise<void> {
  const engine = await openEngine(task, { database })
  const { id } = await engine.startConversation({ title: 'One of many' })
  await (
    await engine.send(id, question({ deltas: 20, pauseMs: 0 }))
  ).reply
  await engine.close()
}

async function opening(task: Task, database: string): Promise<number> {
  const watch = new Stopwatch()
  const engine = await openEngine(task, { database })
  const { wallMs } = watch
  await engine.close()
  return wallMs
}
