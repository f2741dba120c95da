/** The wall time from a question to the first text of the reply. The provider answers at once. */
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../clients/client.ts'
import { question } from '../provider/reply-shape.ts'
import { checkAnswer } from './answer-check.ts'
import { median } from './stopwatch.ts'
import { type Measure, openClient, option } from './task.ts'

const DELTAS = 5
/** A pause before each question: people do not ask at the moment the last reply is saved. */
const PAUSE_MS = 30

export const measure: Measure = async (task) => {
  const questions = option(task, 'questions')
  const client = await openClient(task)
  await client.ready?.(questions * 2)
  await firstTexts(client, questions)
  const waits = await firstTexts(client, questions)
  await client.close?.()
  return { firstDeltaMs: median(waits) }
}

async function firstTexts(client: Client, questions: number): Promise<readonly number[]> {
  const asked = question({ deltas: DELTAS, pauseMs: 0 })
  const waits: number[] = []
  for (let n = 0; n < questions; n += 1) {
    await sleep(PAUSE_MS)
    const startedAt = performance.now()
    let shownAt: number | undefined
    const answer = await client.ask(asked, () => {
      shownAt ??= performance.now()
    })
    checkAnswer(answer, DELTAS)
    if (shownAt === undefined) throw new Error('A reader was shown nothing.')
    waits.push(shownAt - startedAt)
  }
  return waits
}
