/**
 * The CPU time of a turn of two steps: a reply with a call of a tool, and the reply to its result.
 * Counts from the question to the end of the turn, saved if the client saves.
 */
import type { Client } from '../clients/client.ts'
import { replyText } from '../provider/prose.ts'
import { question } from '../provider/reply-shape.ts'
import { Stopwatch } from './stopwatch.ts'
import { type Measure, openClient, option } from './task.ts'

export const measure: Measure = async (task) => {
  const deltas = option(task, 'deltas')
  const pauseMs = option(task, 'pauseMs')
  const atOnce = option(task, 'atOnce')
  const turns = option(task, 'turns')
  const client = await openClient(task)
  const warmUps = option(task, 'warmUpTurns')
  await client.ready?.(warmUps)
  await take(client, warmUps, { atOnce, deltas, pauseMs: 0 })
  await client.ready?.(turns)
  const watch = new Stopwatch()
  await take(client, turns, { atOnce, deltas, pauseMs })
  const { cpuUs, wallMs } = watch
  await client.close?.()
  return { cpuPerTurnUs: cpuUs / turns, wallMs }
}

async function take(
  client: Client,
  turns: number,
  { atOnce, deltas, pauseMs }: { atOnce: number; deltas: number; pauseMs: number },
): Promise<void> {
  const asked = question({ deltas, pauseMs, calls: true })
  const expected = replyText(deltas).repeat(2)
  let left = turns
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left > 0) {
        left -= 1
        const answer = await client.ask(asked, () => {})
        if (answer !== expected) throw new Error('A turn with a tool came out wrong.')
      }
    }),
  )
}
