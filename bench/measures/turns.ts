/**
 * The CPU time of a short turn, from the question to the end of the reply, saved if the client
 * saves.
 */
import { question } from '../provider/reply-shape.ts'
import type { Client } from '../clients/client.ts'
import { checkAnswer } from './answer-check.ts'
import { Stopwatch } from './stopwatch.ts'
import { type Measure, openClient, option } from './task.ts'

export const measure: Measure = async (task) => {
  const deltas = option(task, 'deltas')
  const atOnce = option(task, 'atOnce')
  const turns = option(task, 'turns')
  const client = await openClient(task)
  await take(client, option(task, 'warmUpTurns'), atOnce, deltas)
  await client.ready?.(turns)
  const watch = new Stopwatch()
  await take(client, turns, atOnce, deltas)
  const { cpuUs, wallMs } = watch
  await client.close?.()
  return { cpuPerTurnUs: cpuUs / turns, wallMs }
}

async function take(client: Client, turns: number, atOnce: number, deltas: number): Promise<void> {
  const asked = question({ deltas, pauseMs: 0 })
  let left = turns
  let calls = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left > 0) {
        left -= 1
        const answer = await client.ask(asked, () => {
          calls += 1
        })
        checkAnswer(answer, deltas)
      }
    }),
  )
  if (calls < turns) throw new Error('A reader was shown nothing.')
}
