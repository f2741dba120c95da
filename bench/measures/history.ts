/**
 * The cost of a turn in a conversation with earlier messages: its accept, the whole turn, a read.
 */
import { openEngine } from '../clients/colloquy-engine.ts'
import { question } from '../provider/reply-shape.ts'
import { checkAnswer } from './answer-check.ts'
import { median, Stopwatch } from './stopwatch.ts'
import { type Measure, option } from './task.ts'

const DELTAS = 5
/** About the average length of a message of a person or a model. */
const TEXT = 'What was said before, in a few sentences that are neither long nor short. '.repeat(4)

export const measure: Measure = async (task) => {
  const messages = option(task, 'messages')
  const engine = await openEngine(task)
  const { id } = await engine.startConversation({
    messages: Array.from({ length: messages }, (_, n) => ({
      role: n % 2 === 0 ? ('user' as const) : ('assistant' as const),
      content: TEXT,
    })),
  })
  const accepts: number[] = []
  const turns: number[] = []
  const reads: number[] = []
  for (let n = 0; n < option(task, 'turns'); n += 1) {
    const watch = new Stopwatch()
    const turn = await engine.send(id, question({ deltas: DELTAS, pauseMs: 0 }))
    accepts.push(watch.cpuUs)
    const { message } = await turn.reply
    turns.push(watch.cpuUs)
    checkAnswer(message.text, DELTAS)
    const reading = new Stopwatch()
    await engine.listMessages(id)
    reads.push(reading.cpuUs)
  }
  await engine.close()
  return { acceptCpuUs: median(accepts), turnCpuUs: median(turns), readOnceCpuUs: median(reads) }
}
