/**
 * The end of an engine: what runs is ended and saved, then everything is let go of, the database
 * last.
 */
import type { Clock } from '../protocol/clock.ts'
import { cancelRun } from './turn/cancel.ts'
import type { EngineParts } from './engine-parts.ts'

/** How long saving may take. */
const SAVE_MS = 10_000

export async function closeEngine(
  { options, turns, drains, titles, oneShots, actors, transport, feed, store }: EngineParts,
  running: 'cancel' | 'wait',
  timeoutMs: number | undefined,
): Promise<void> {
  const { clock } = options
  const turnsOver = () => Promise.all(turns.all.map((run) => run.over.promise))
  if (running === 'wait') {
    await within(
      clock,
      timeoutMs ?? Infinity,
      turnsOver().then(() => titles.settled()),
    )
  }
  drains.close()
  for (const run of turns.all) void cancelRun(actors, run)
  await Promise.all([oneShots.abort(() => true), titles.stop()])
  await within(clock, timeoutMs ?? SAVE_MS, turnsOver())
  for (const run of turns.all) actors.send(run.conversationId, { type: 'turn.give-up' })
  await turnsOver()
  actors.stop()
  feed.close()
  await Promise.all([transport.close(), store.close()])
}

/** Waits for the work, but not longer than that. */
async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = ms === Infinity ? undefined : clock.setTimeout(() => late.resolve(), ms)
  await Promise.race([work, late.promise])
  clock.clearTimeout(timer)
}
