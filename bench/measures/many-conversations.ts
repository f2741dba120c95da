/**
 * A database with many conversations of 20 messages on average, for measures of its size.
 *
 * Turns of the engine make ten conversations; SQL copies them. Then owners, times, fields and the
 * archive are spread over the copies, so that no list is of one of these alone.
 */
import type { Engine, Turn } from '../../src/index.ts'
import { openEngine } from '../clients/colloquy-engine.ts'
import { question } from '../provider/reply-shape.ts'
import { connect, multiplyConversations } from './multiplied-database.ts'
import type { Task } from './task.ts'

/** Questions in each conversation without branches. 184 messages; the tree has 36. */
const QUESTIONS = [30, 10, 10, 6, 6, 6, 6, 4, 4]
/** Each question of the tree has two replies, and the second one is followed. */
const FORKS = 12
/** Small enough that a list of an owner, or of a folder, is longer than a page of 50. */
const OF_ONE_OWNER = 100

export interface ManyConversations {
  readonly file: string
  readonly copies: number
  /** The ids, before the number of a copy, of conversations of 60 and of 20 messages, and of the tree. */
  readonly long: string
  readonly short: readonly [string, string]
  readonly tree: string
  /** A reply in the middle of the tree that has a sibling. */
  readonly reply: string
  readonly owners: number
  readonly from: number
  readonly count: number
}

/** The id of a copy. The first one is the original. */
export function copyOf(id: string, copy: number): string {
  return copy === 0 ? id : `${id}-${copy}`
}

export async function makeConversations(task: Task, count: number): Promise<ManyConversations> {
  const file = `${task.directory}/many.db`
  const engine = await openEngine(task, { database: file })
  const made: string[] = []
  for (const questions of QUESTIONS) made.push(await makeLine(engine, questions))
  const { id: tree, reply } = await makeTree(engine)
  await engine.close()
  const copies = count / (QUESTIONS.length + 1)
  multiplyConversations(file, copies)
  const [long, first, second] = made as [string, string, string]
  const owners = Math.ceil(count / OF_ONE_OWNER)
  const from = Date.now() - count
  spread(file, owners, from)
  return { file, copies, long, short: [first, second], tree, reply, owners, from, count }
}

async function answered(turn: Promise<Turn>): Promise<string> {
  return (await (await turn).reply).message.id
}

const ASKED = question({ deltas: 60, pauseMs: 0 })

async function startOne(engine: Engine): Promise<string> {
  const { id } = await engine.startConversation({
    ownerId: 'owner',
    metadata: { folder: 'folder', stars: 3 },
  })
  return id
}

async function makeLine(engine: Engine, questions: number): Promise<string> {
  const id = await startOne(engine)
  for (let n = 0; n < questions; n += 1) await answered(engine.send(id, ASKED))
  return id
}

async function makeTree(engine: Engine) {
  const id = await startOne(engine)
  let reply = ''
  for (let n = 0; n < FORKS; n += 1) {
    const first = await answered(engine.send(id, ASKED))
    const second = await answered(engine.regenerate(first))
    if (n === FORKS / 2) reply = second
  }
  return { id, reply }
}

/** By numbers that follow no order of the rows: neighbours in a list are not neighbours on disk. */
function spread(file: string, owners: number, from: number): void {
  const database = connect(file)
  try {
    const count = database.prepare('select count(*) from conversation').pluck().get() as number
    // A prime step visits each number below the count once.
    const place = `((rowid * 7919) % ${count})`
    database.exec(`update conversation set
      owner_id = 'owner-' || (${place} % ${owners}),
      created_at = ${from} + ${place}, updated_at = ${from} + ${place},
      archived_at = case when ${place} / ${owners} % 5 = 0 then ${from} end`)
    database.exec(`update conversation_field set value = (
      select '"folder-' || (c.rowid % ${owners}) || '"' from conversation as c
      where c.id = conversation_id) where name = 'folder'`)
  } finally {
    database.close()
  }
}
