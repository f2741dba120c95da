/** The cost of one delta for one more reader of a stream: many against one. The readers are another process. */
import { question } from '../provider/reply-shape.ts'
import { WebReaders } from '../web/web-readers.ts'
import { openServer, type WebServer } from '../web/web-server.ts'
import { median, Stopwatch } from './stopwatch.ts'
import { type Measure, option } from './task.ts'

export const measure: Measure = async (task) => {
  const deltas = option(task, 'deltas')
  const many = option(task, 'readers')
  const asked = question({ deltas, pauseMs: option(task, 'pauseMs') })
  const server = await openServer(task)
  const readers = new WebReaders()
  await replyTo(server, readers, 1, asked)
  await replyTo(server, readers, many, asked)
  const costs: number[] = []
  for (let n = 0; n < option(task, 'rounds'); n += 1) {
    const few = await replyTo(server, readers, 1, asked)
    const all = await replyTo(server, readers, many, asked)
    costs.push((all - few) / (deltas * (many - 1)))
  }
  readers.stop()
  await server.close()
  return { cpuPerDeltaUs: median(costs) }
}

/** The CPU time of a reply that so many readers see to its end. */
async function replyTo(
  server: WebServer,
  readers: WebReaders,
  count: number,
  asked: string,
): Promise<number> {
  await readers.open(server.port, server.path, count)
  const watch = new Stopwatch()
  await server.reply(asked)
  await readers.ended(count)
  const { cpuUs } = watch
  await readers.leave()
  return cpuUs
}
