/** The time that migration 0005 takes on a file of 0004: the first `createEngine` after an update. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openEngine } from '../clients/colloquy-engine.ts'
import { ROOT } from '../preparation.ts'
import { replyText } from '../provider/prose.ts'
import { connect, multiplyConversations } from './multiplied-database.ts'
import { Stopwatch } from './stopwatch.ts'
import { type Measure, option, type Task } from './task.ts'

/** A dump that a version with the schema 0004 wrote. */
const DUMP = 'test/persistence/schema/files/written-by-0004.sql'
const MESSAGES = 20
/** Of ten conversations one has a retry in it, so that its branches are rebuilt. */
const CONVERSATIONS = 10

export const measure: Measure = async (task) => {
  const file = join(task.directory, 'old.db')
  makeOldFile(file)
  multiplyConversations(file, option(task, 'messages') / (MESSAGES * CONVERSATIONS))
  const migrating = await opening(task, file)
  const database = connect(file)
  const count = database.prepare('select count(*) from message where depth is not null').pluck()
  const placed = Number(count.get())
  database.close()
  if (placed !== option(task, 'messages')) throw new Error(`${placed} messages have a place.`)
  return { migrationSeconds: migrating.wallMs / 1000, migrationCpuSeconds: migrating.cpuUs / 1e6 }
}

async function opening(task: Task, database: string) {
  const watch = new Stopwatch()
  const engine = await openEngine(task, { database })
  const { wallMs, cpuUs } = watch
  await engine.close()
  return { wallMs, cpuUs }
}

/** The tables as they were, with conversations of 20 messages and metadata. */
function makeOldFile(file: string): void {
  const database = connect(file)
  try {
    const lines = readFileSync(join(ROOT, DUMP), 'utf8').split('\n')
    const schema = lines.filter((line) => /^create |^insert into colloquy_migration /i.test(line))
    database.exec(schema.join('\n'))
    for (let c = 0; c < CONVERSATIONS; c += 1) insertConversation(database, `c${c}`, c === 0)
  } finally {
    database.close()
  }
}

function insertConversation(
  database: ReturnType<typeof connect>,
  id: string,
  hasRetry: boolean,
): void {
  const parts = (text: string) => JSON.stringify([{ type: 'text', text }])
  const message = database.prepare(`insert into message
    (id, conversation_id, turn_id, parent_id, position, role, parts, status, created_at)
    values (?, ?, ?, ?, ?, ?, ?, 'complete', 1)`)
  const turn = database.prepare(`insert into turn
    (id, conversation_id, position, input_message_id, status, epoch, endpoint, model, attempts,
      started_at, ended_at, reply_id) values (?, ?, ?, ?, 'done', 1, 'online', 'm', 1, 1, 2, ?)`)
  database
    .prepare(`insert into conversation (id, owner_id, metadata, head_message_id, created_at,
      updated_at) values (?, 'owner', '{"folder":"work","stars":3}', ?, 1, 1)`)
    .run(id, `${id}-${MESSAGES}`)
  for (let n = 1; n <= MESSAGES; n += 1) {
    // The last message is a second reply to the question before the last answer.
    const isRetry = hasRetry && n === MESSAGES
    const isReply = n % 2 === 0
    const turnId = `${id}-turn-${Math.ceil(n / 2)}`
    const parent = n === 1 ? null : `${id}-${isRetry ? n - 3 : n - 1}`
    const role = isReply ? 'assistant' : 'user'
    const text = isReply ? replyText(60) : 'What is an actor?'
    message.run(`${id}-${n}`, id, turnId, parent, n, role, parts(text))
    if (isReply) turn.run(turnId, id, n / 2, `${id}-${isRetry ? n - 3 : n - 1}`, `${id}-${n}`)
  }
}
