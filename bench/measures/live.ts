/** The memory of a live stream. Many streams have begun, are read, and wait. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../clients/client.ts'
import { HeldReplies } from '../provider/held-replies.ts'
import { question } from '../provider/reply-shape.ts'
import { checkAnswer } from './answer-check.ts'
import { settledMemory } from './stopwatch.ts'
import { type Measure, openClient, option, type Task } from './task.ts'

const SHOWN_DELTAS = 20
const DELTAS = 30
/** Longer than the interval of snapshots. */
const SETTLING_MS = 300

export const measure: Measure = async (task) => {
  const streams = option(task, 'streams')
  const client = await openClient(task)
  await hold(client, option(task, 'warmUpStreams'), task)
  const before = await settledMemory()
  const during = await hold(client, streams, task)
  await client.close?.()
  return {
    heapPerStreamKb: (during.heapBytes - before.heapBytes) / streams / 1024,
    rssPerStreamKb: (during.rssBytes - before.rssBytes) / streams / 1024,
  }
}

async function hold(
  client: Client,
  streams: number,
  { url }: Task,
): Promise<{ heapBytes: number; rssBytes: number }> {
  const held = new HeldReplies(url)
  await client.ready?.(streams)
  const asked = question({ deltas: DELTAS, pauseMs: 0, heldAfter: SHOWN_DELTAS })
  const replies = Array.from({ length: streams }, () => client.ask(asked, () => {}))
  await Promise.race([held.reach(streams), Promise.all(replies)])
  await sleep(SETTLING_MS)
  const memory = await settledMemory()
  await held.release()
  for (const answer of await Promise.all(replies)) checkAnswer(answer, DELTAS)
  return memory
}
