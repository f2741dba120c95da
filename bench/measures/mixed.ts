/** Conversations that stream while others save. It shows whether the disk delays the streams. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { clientOf } from '../clients/colloquy.ts'
import { openEngine } from '../clients/colloquy-engine.ts'
import { HeldReplies } from '../provider/held-replies.ts'
import { question } from '../provider/reply-shape.ts'
import { checkAnswer } from './answer-check.ts'
import { Stopwatch } from './stopwatch.ts'
import { type Measure, option } from './task.ts'

const SHORT_DELTAS = 20
const PAUSE_MS = 20
/** Each saving conversation has a turn about this often. */
const TURN_EACH_MS = 1_000

export const measure: Measure = async (task) => {
  const streams = option(task, 'streams')
  const savers = option(task, 'savers')
  const deltas = option(task, 'deltas')
  const engine = await openEngine(task)
  const client = clientOf(engine)
  const held = new HeldReplies(task.url)
  const short = question({ deltas: SHORT_DELTAS, pauseMs: 0 })
  const long = question({ deltas, pauseMs: PAUSE_MS, heldAfter: 0 })
  for (let n = 0; n < 5; n += 1) {
    await Promise.all(Array.from({ length: 50 }, () => client.ask(short, () => {})))
  }
  await client.ready?.(streams + savers * Math.ceil((deltas * PAUSE_MS) / TURN_EACH_MS))
  const replies = Array.from({ length: streams }, () => client.ask(long, () => {}))
  await held.reach(streams)
  await sleep(100)
  const over = new AbortController()
  let turns = 0
  const save = async (n: number): Promise<void> => {
    await sleep((n / savers) * TURN_EACH_MS)
    while (!over.signal.aborted) {
      checkAnswer(await client.ask(short, () => {}), SHORT_DELTAS)
      turns += 1
      await sleep(TURN_EACH_MS)
    }
  }
  const delay = monitorEventLoopDelay({ resolution: 5 })
  await held.release()
  const watch = new Stopwatch()
  delay.enable()
  const saving = Promise.all(Array.from({ length: savers }, (_, n) => save(n)))
  for (const answer of await Promise.all(replies)) checkAnswer(answer, deltas)
  delay.disable()
  const { cpuUs, wallMs } = watch
  over.abort()
  await saving
  await engine.close()
  return {
    loopDelayMedianMs: delay.percentile(50) / 1e6,
    loopDelay99Ms: delay.percentile(99) / 1e6,
    loopDelayMostMs: delay.max / 1e6,
    cpuMs: cpuUs / 1_000,
    wallMs,
    turnsSaved: turns,
  }
}
