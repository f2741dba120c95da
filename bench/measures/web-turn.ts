/** A whole turn over HTTP: a POST whose answer streams the reply to its one reader. */
import { question } from '../provider/reply-shape.ts'
import { WebReaders } from '../web/web-readers.ts'
import { openServer } from '../web/web-server.ts'
import { Stopwatch } from './stopwatch.ts'
import { type Measure, option } from './task.ts'

export const measure: Measure = async (task) => {
  const turns = option(task, 'turns')
  const server = await openServer(task)
  const readers = new WebReaders()
  const asked = question({ deltas: option(task, 'deltas'), pauseMs: option(task, 'pauseMs') })
  const ask = async (paths: readonly string[]) =>
    readers.ask(server.port, paths, server.body(asked))
  await ask(await server.turnPaths(turns))
  const paths = await server.turnPaths(turns)
  const watch = new Stopwatch()
  const { bytes } = await ask(paths)
  const { cpuUs } = watch
  readers.stop()
  await server.close()
  return { cpuPerTurnUs: cpuUs / turns, bytesPerTurn: bytes / turns }
}
