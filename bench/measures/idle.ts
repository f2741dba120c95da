/** The memory that an awake conversation takes at rest. */
import { openEngine, startConversations } from '../clients/colloquy-engine.ts'
import { question } from '../provider/reply-shape.ts'
import type { Engine } from '../../src/index.ts'
import { checkAnswer } from './answer-check.ts'
import { settledMemory } from './stopwatch.ts'
import { type Measure, option } from './task.ts'

const DELTAS = 5
const AT_ONCE = 50

export const measure: Measure = async (task) => {
  const conversations = option(task, 'conversations')
  const engine = await openEngine(task)
  await wake(engine, option(task, 'warmUps'))
  const before = await settledMemory()
  const awakeBefore = countAwake(engine)
  await wake(engine, conversations)
  const after = await settledMemory()
  // On a slow machine the first conversations may be asleep again.
  const awake = countAwake(engine) - awakeBefore
  if (awake < conversations / 2) throw new Error(`Only ${awake} of ${conversations} are awake.`)
  await engine.close()
  const rssBytes = (after.rssBytes - before.rssBytes) / awake
  return {
    heapPerConversationKb: (after.heapBytes - before.heapBytes) / awake / 1024,
    rssPerConversationKb: rssBytes / 1024,
    conversationsPerGib: 2 ** 30 / rssBytes,
  }
}

/** Starts conversations and gives each a turn, which wakes it. */
async function wake(engine: Engine, count: number): Promise<void> {
  const ids = await startConversations(engine, count)
  const asked = question({ deltas: DELTAS, pauseMs: 0 })
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
        const { message } = await (await engine.send(id, asked)).reply
        checkAnswer(message.text, DELTAS)
      }
    }),
  )
}

/** Counts the conversation actors: a new inspector is told of every living actor. */
function countAwake(engine: Engine): number {
  let awake = 0
  const inspection = engine.inspect((event) => {
    if (event.type !== '@xstate.actor') return
    if ('id' in event.actorRef && String(event.actorRef.id).startsWith('conversation:')) awake += 1
  })
  inspection.unsubscribe()
  return awake
}
