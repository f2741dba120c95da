/** The heap that an open stream takes while nothing happens. */
import { WebReaders } from '../web/web-readers.ts'
import { openServer } from '../web/web-server.ts'
import { settledMemory } from './stopwatch.ts'
import { type Measure, option } from './task.ts'

export const measure: Measure = async (task) => {
  const streams = option(task, 'streams')
  const server = await openServer(task)
  const readers = new WebReaders()
  await readers.open(server.port, server.path, streams)
  await readers.leave()
  const before = await settledMemory()
  await readers.open(server.port, server.path, streams)
  const after = await settledMemory()
  readers.stop()
  await server.close()
  return { heapPerStreamKb: (after.heapBytes - before.heapBytes) / streams / 1024 }
}
