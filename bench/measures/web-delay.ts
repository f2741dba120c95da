/** The longest delay of the event loop while one reply is told to very many readers. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { question } from '../provider/reply-shape.ts'
import { WebReaders } from '../web/web-readers.ts'
import { openServer } from '../web/web-server.ts'
import { type Measure, option } from './task.ts'

export const measure: Measure = async (task) => {
  const streams = option(task, 'streams')
  const asked = question({ deltas: option(task, 'deltas'), pauseMs: option(task, 'pauseMs') })
  const server = await openServer(task)
  const readers = new WebReaders()
  await readers.open(server.port, server.path, streams)
  await server.reply(asked)
  await readers.ended(streams)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await server.reply(asked)
  const sealedAt = performance.now()
  await readers.ended(2 * streams)
  const lastByteMs = performance.now() - sealedAt
  delay.disable()
  readers.stop()
  await server.close()
  return { longestDelayMs: delay.max / 1e6, lastByteMs }
}
