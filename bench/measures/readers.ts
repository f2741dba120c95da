/** The cost of one delivered event for one more subscriber of a conversation: many against one. */
import type { Engine } from '../../src/index.ts'
import { openEngine } from '../clients/colloquy-engine.ts'
import { question } from '../provider/reply-shape.ts'
import { checkAnswer } from './answer-check.ts'
import { median, Stopwatch } from './stopwatch.ts'
import { type Measure, option } from './task.ts'

/** The cost of one delivery, from rounds with few and with many subscribers. */
export function perDelivery(
  rounds: readonly { few: Delivered; many: Delivered }[],
): Record<string, number> {
  return {
    cpuPerDeliveryUs: median(
      rounds.map(({ few, many }) => (many.cpuUs - few.cpuUs) / (many.count - few.count)),
    ),
    deliveries: median(rounds.map(({ many }) => many.count)),
  }
}

export interface Delivered {
  readonly count: number
  readonly cpuUs: number
}

export const measure: Measure = async (task) => {
  const deltas = option(task, 'deltas')
  const many = option(task, 'readers')
  const ofTurn = task.options['ofTurn'] === 1
  // A snapshot for each delta: only many events make a subscriber's cost measurable.
  const engine = await openEngine(task, { emitIntervalMs: 0 })
  const reply = async (readers: number): Promise<Delivered> => {
    const { id } = await engine.startConversation()
    let count = 0
    let length = 0
    const read = (events: ReturnType<Engine['events']>) =>
      Array.from({ length: readers }, () =>
        events.subscribe((event) => {
          count += 1
          if (event.type === 'reply.snapshot') length = event.seq
        }),
      )
    const subscriptions = ofTurn ? [] : read(engine.events(id))
    const watch = new Stopwatch()
    const turn = await engine.send(id, question({ deltas, pauseMs: 0 }))
    if (ofTurn) subscriptions.push(...read(turn.events))
    const { message } = await turn.reply
    const { cpuUs } = watch
    checkAnswer(message.text, deltas)
    if (length < deltas) throw new Error('Readers were shown too little.')
    for (const subscription of subscriptions) subscription.unsubscribe()
    return { count, cpuUs }
  }
  await reply(1)
  await reply(many)
  const rounds: { few: Delivered; many: Delivered }[] = []
  for (let n = 0; n < option(task, 'rounds'); n += 1) {
    rounds.push({ few: await reply(1), many: await reply(many) })
  }
  await engine.close()
  return perDelivery(rounds)
}
