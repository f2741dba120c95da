/** Streams that join a reply in the middle, and the deltas after it: a short reply or a long one. */
import { driven, openHandler } from '../web/colloquy-direct.ts'
import { listen } from '../web/web-server.ts'
import { HeldReplies } from '../provider/held-replies.ts'
import { question } from '../provider/reply-shape.ts'
import { WebReaders } from '../web/web-readers.ts'
import { Stopwatch } from './stopwatch.ts'
import { type Measure, option } from './task.ts'

/** Deltas after the hold, and those of them that are measured: the end of the reply is not. */
const TAIL = 2_000
const MEASURED = 1_800
const MISSED_UNITS = 1_000

export const measure: Measure = async (task) => {
  const before = option(task, 'deltasBefore')
  const joins = option(task, 'joins')
  const { engine, handler } = await openHandler(task)
  const listening = await listen(handler.node)
  const server = await driven(engine, listening, () => handler.close())
  const held = new HeldReplies(task.url)
  const readers = new WebReaders()
  const { port, path } = server
  const conversationId = path.split('/')[3] ?? ''
  const told = { deltas: 0, wake: (): void => undefined }
  const subscription = engine.events({ conversationId, content: 'deltas' }).subscribe((event) => {
    if (event.type !== 'reply.delta') return
    told.deltas += event.deltas.length
    told.wake()
  })
  const until = async (count: number) => {
    while (told.deltas < count) await new Promise<void>((resolve) => (told.wake = resolve))
  }
  const asked = question({ deltas: before + TAIL, pauseMs: 1, heldAfter: before })
  const ended = server.reply(asked)
  await held.reach(1)
  await until(before)
  await readers.open(port, path, joins)
  await readers.leave()
  const join = new Stopwatch()
  const { bytes } = await readers.open(port, path, joins)
  const joinUs = join.cpuUs
  await readers.leave()
  const turn = engine.runningTurn(conversationId)
  const units = turn?.current()?.text.length ?? 0
  const have = `${path}?have=${turn?.id}:${Math.max(0, units - MISSED_UNITS)}`
  const again = await readers.open(port, have, 1)
  await readers.leave()
  await readers.open(port, path, 1)
  const tail = new Stopwatch()
  await held.release()
  await until(before + MEASURED)
  const tailUs = tail.cpuUs
  await ended
  subscription.unsubscribe()
  readers.stop()
  await server.close()
  return {
    replyUnits: units,
    joinCpuPerKbUs: joinUs / (bytes / 1024),
    reconnectBytes: again.bytes,
    cpuPerDeltaUs: tailUs / MEASURED,
  }
}
