/**
 * The CPU time of one delta. Replies that have begun and wait are released together. The CPU time
 * until all text was shown is divided by the number of deltas.
 *
 * With the option `whole` it counts until all replies have ended, saved if the client saves.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../clients/client.ts'
import { HeldReplies } from '../provider/held-replies.ts'
import { replyText } from '../provider/prose.ts'
import { question, type ReplyShape } from '../provider/reply-shape.ts'
import { checkAnswer } from './answer-check.ts'
import { Stopwatch } from './stopwatch.ts'
import { type Measure, openClient, option, type Task } from './task.ts'

export const measure: Measure = async (task) => {
  const shape = {
    deltas: option(task, 'deltas'),
    pauseMs: option(task, 'pauseMs'),
    heldAfter: 0,
    frames: task.options['frames'] === 1,
  }
  const streams = option(task, 'streams')
  const rounds = option(task, 'rounds')
  const client = await openClient(task)
  for (let n = 0; n < option(task, 'warmUps'); n += 1) {
    await stream(client, { ...shape, deltas: option(task, 'warmUpDeltas') }, streams, task)
  }
  let cpuUs = 0
  let wallMs = 0
  for (let n = 0; n < rounds; n += 1) {
    const round = await stream(client, shape, streams, task)
    cpuUs += round.cpuUs
    wallMs += round.wallMs
  }
  const deltas = rounds * streams * shape.deltas
  await client.close?.()
  return { cpuPerDeltaUs: cpuUs / deltas, wallMs }
}

async function stream(
  client: Client,
  shape: ReplyShape,
  streams: number,
  { url, options }: Task,
): Promise<{ cpuUs: number; wallMs: number }> {
  const held = new HeldReplies(url)
  await client.ready?.(streams)
  const asked = question(shape)
  const { length } = replyText(shape.deltas)
  const shown = Promise.withResolvers<void>()
  let unshown = streams
  const replies = Array.from({ length: streams }, () =>
    client.ask(asked, (soFar) => {
      if (soFar !== length) return
      unshown -= 1
      if (unshown === 0) shown.resolve()
    }),
  )
  const ended = Promise.all(replies)
  // A rejection before the `await` below must not count as unhandled.
  ended.catch(() => undefined)
  await Promise.race([held.reach(streams), ended])
  await sleep(100)
  await held.release()
  const watch = new Stopwatch()
  await (options['whole'] === 1 ? ended : Promise.race([shown.promise, ended]))
  const { cpuUs, wallMs } = watch
  for (const answer of await ended) checkAnswer(answer, shape.deltas)
  return { cpuUs, wallMs }
}
