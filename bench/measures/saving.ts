/**
 * The cost of saving a turn, without the rest of the turn. Our store writes in groups. A plain
 * MikroORM flushes once for each message, with the same rows in the same file.
 */
import { join } from 'node:path'
import { MikroORM } from '@mikro-orm/sqlite'
// Store and entities are no entries of the build: their code runs as it is in the sources.
import { Conversation } from '../../src/persistence/schema/entities/conversation.ts'
import { Message } from '../../src/persistence/schema/entities/message.ts'
import { Turn } from '../../src/persistence/schema/entities/turn.ts'
import { ENTITIES } from '../../src/persistence/schema/schema.ts'
import { openSqliteStore } from '../../src/persistence/sqlite/store.ts'
import { replyText } from '../provider/prose.ts'
import { STARTS } from './no-queue.ts'
import { Stopwatch } from './stopwatch.ts'
import { type Measure, option, type Task } from './task.ts'

const QUESTION = [{ type: 'text', text: 'What is an actor?' }] as const
const REPLY = [{ type: 'text', text: replyText(20) }] as const
const USAGE = { inputTokens: 19, outputTokens: 20, source: 'provider' } as const

type Save = (conversationId: string) => Promise<void>

interface Saver {
  readonly save: Save
  close(): Promise<void>
}

export const measure: Measure = async (task) => {
  const turns = option(task, 'turns')
  const warmUps = option(task, 'warmUps')
  const conversations = await createConversations(task, turns + warmUps)
  const saver = task.options['plain'] === 1 ? await openPlain(task) : await openOurs(task)
  await saveAll(saver.save, conversations.splice(0, warmUps), option(task, 'atOnce'))
  const watch = new Stopwatch()
  await saveAll(saver.save, conversations, option(task, 'atOnce'))
  const { cpuUs, wallMs } = watch
  await saver.close()
  return { cpuPerTurnUs: cpuUs / turns, wallMs }
}

async function saveAll(save: Save, conversations: readonly string[], atOnce: number) {
  const left = [...conversations]
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) await save(id)
    }),
  )
}

async function openStore(task: Task) {
  return await openSqliteStore({
    database: join(task.directory, 'chat.db'),
    durability: 'full',
    clock: { now: () => Date.now(), setTimeout, clearTimeout: () => undefined },
  })
}

async function createConversations(task: Task, count: number): Promise<string[]> {
  const store = await openStore(task)
  const ids = Array.from({ length: count }, () => crypto.randomUUID())
  await Promise.all(
    ids.map((id) =>
      store.createConversation({
        id,
        messages: [],
        importId: crypto.randomUUID(),
        at: new Date(),
      }),
    ),
  )
  await store.close()
  return ids
}

async function openOurs(task: Task): Promise<Saver> {
  const store = await openStore(task)
  return {
    async save(conversationId) {
      const turnId = crypto.randomUUID()
      const messageId = crypto.randomUUID()
      const replyId = crypto.randomUUID()
      await store.acceptTurn({
        turnId,
        conversationId,
        messageId,
        replyId,
        role: 'user',
        parts: QUESTION,
        at: new Date(),
        bind: () => ({ endpoint: 'online', model: 'm' }),
        placement: STARTS,
      })
      await store.endTurn({
        turnId,
        conversationId,
        replyId,
        lastSeqs: { content: 2, terminal: 3 },
        status: 'done',
        attempts: 1,
        hasCheckpoints: false,
        usage: USAGE,
        reply: {
          parts: REPLY,
          finishReason: 'stop',
          model: 'm',
        },
        at: new Date(),
      })
    },
    close: () => store.close(),
  }
}

async function openPlain(task: Task): Promise<Saver> {
  const orm = await MikroORM.init({
    dbName: join(task.directory, 'chat.db'),
    entities: ENTITIES,
    debug: false,
  })
  const connection = orm.em.getConnection()
  await connection.execute('pragma synchronous = full')
  await connection.execute('pragma foreign_keys = on')
  let messages = 0
  return {
    async save(conversationId) {
      const em = orm.em.fork()
      const conversation = await em.findOneOrFail(Conversation, conversationId)
      const question = em.create(Message, {
        n: (messages += 1),
        id: crypto.randomUUID(),
        conversation,
        turnId: crypto.randomUUID(),
        position: 1,
        depth: 1,
        role: 'user',
        parts: JSON.stringify(QUESTION),
        status: 'complete',
        createdAt: Date.now(),
      })
      const turn = em.create(Turn, {
        id: question.turnId as string,
        conversation,
        position: 1,
        inputMessageId: question.id,
        replyId: crypto.randomUUID(),
        status: 'pending',
        epoch: 1,
        endpoint: 'online',
        model: 'm',
        attempts: 0,
        startedAt: Date.now(),
      })
      conversation.headMessageId = question.id
      conversation.updatedAt = Date.now()
      await em.persist([question, turn]).flush()

      const reply = em.create(Message, {
        n: (messages += 1),
        id: turn.replyId as string,
        conversation,
        turnId: turn.id,
        parentId: question.id,
        position: 2,
        depth: 2,
        role: 'assistant',
        parts: JSON.stringify(REPLY),
        status: 'complete',
        finishReason: 'stop',
        model: 'm',
        inputTokens: USAGE.inputTokens,
        outputTokens: USAGE.outputTokens,
        usageSource: USAGE.source,
        createdAt: Date.now(),
      })
      turn.status = 'done'
      turn.attempts = 1
      turn.usage = JSON.stringify(USAGE)
      turn.endedAt = Date.now()
      conversation.headMessageId = reply.id
      conversation.updatedAt = Date.now()
      await em.persist(reply).flush()
    },
    close: () => orm.close(),
  }
}
