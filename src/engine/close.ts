/**
 * Closes an engine: ends and saves the running turns, then releases all resources, transport and
 * database last.
 *
 * Knows the order of these steps, and nothing of how a turn is saved or a part is closed.
 */
import type { Feed } from '../feed/feed.ts'
import type { Store } from '../persistence/ports/store.ts'
import type { Clock } from '../protocol/clock.ts'
import { startTimer } from '../protocol/clock.ts'
import type { Transport } from '../transport/transport.ts'
import type { Actors } from './actors/actors.ts'
import type { OneShots } from './one-shots/one-shots.ts'
import type { Titles } from './one-shots/titles.ts'
import type { ResolvedOptions } from './options/resolve-options.ts'
import { cancelTurn } from './turn/live-turn/cancel.ts'
import type { Drains } from './turn/record/drains.ts'
import type { Expiries } from './turn/wait/expiries.ts'
import type { LateTools } from './turn/calls/late-tools.ts'
import type { Turns } from './turn/turns.ts'

interface CloseParts {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly transport: Transport
  readonly feed: Feed
  readonly drains: Drains
  readonly turns: Turns
  readonly late: LateTools
  readonly actors: Actors
  readonly expiries: Expiries
  readonly oneShots: OneShots
  readonly titles: Titles
}

/** How long saving may take, where the host does not say. */
const SAVE_MS = 10_000

export async function closeEngine(
  {
    options,
    turns,
    expiries,
    late,
    drains,
    titles,
    oneShots,
    actors,
    transport,
    feed,
    store,
  }: CloseParts,
  running: 'cancel' | 'wait',
  timeoutMs: number | undefined,
): Promise<void> {
  const { clock } = options
  // A turn that waits for an answer stays as it is: nobody waits for it.
  const turnsOver = () => Promise.all(turns.all.map((live) => live.rested))
  turns.isClosing = true
  for (const { conversationId } of turns.all)
    actors.send(conversationId, { type: 'conversation.hold' })
  if (running === 'wait') {
    await within(
      clock,
      timeoutMs ?? Infinity,
      turnsOver().then(() => titles.settled()),
    )
  }
  expiries.stop()
  drains.close()
  for (const live of turns.all) void cancelTurn(actors, live, { cause: 'close' })
  await Promise.all([oneShots.abort(() => true), titles.stop()])
  await within(clock, timeoutMs ?? SAVE_MS, turnsOver())
  for (const live of turns.all) actors.send(live.conversationId, { type: 'turn.give-up' })
  await turnsOver()
  await turns.queue.close()
  turns.waiting.close()
  await late.close(clock, options.timeouts.toolCloseMs)
  actors.stop()
  feed.close()
  await Promise.all([transport.close(), store.close()])
}

/** Waits for the work, but not longer than `ms` milliseconds. */
async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = startTimer(clock, ms, () => late.resolve())
  await Promise.race([work, late.promise])
  clock.clearTimeout(timer)
}
