/**
 * Creates an engine: makes its parts and gives each one the parts that it needs.
 *
 * Knows nothing of how a part works.
 */
import { Actors } from './engine/actors/actors.ts'
import type { Engine } from './engine/api/engine.ts'
import { ConversationEngine } from './engine/conversation-engine.ts'
import { Binder } from './engine/endpoints/binding.ts'
import { Endpoints } from './engine/endpoints/endpoints.ts'
import { Preferences } from './engine/endpoints/preferences.ts'
import { OneShots } from './engine/one-shots/one-shots.ts'
import { Titles } from './engine/one-shots/titles.ts'
import type { EngineOptions } from './engine/options/options.ts'
import { type ResolvedOptions, resolveOptions } from './engine/options/resolve-options.ts'
import { ReadOnlyEngine } from './engine/read-only-engine.ts'
import { assertRuntime } from './engine/runtime.ts'
import { Answers } from './engine/turn/methods/answers.ts'
import { Drains } from './engine/turn/record/drains.ts'
import { Expiries } from './engine/turn/wait/expiries.ts'
import { LateTools } from './engine/turn/calls/late-tools.ts'
import { Turns } from './engine/turn/turns.ts'
import { Feed } from './feed/feed.ts'
import type { ConversationStore } from './persistence/ports/conversation-store.ts'
import { openSqliteStore } from './persistence/sqlite/store.ts'
import { openSqliteView } from './persistence/sqlite/view.ts'
import { openTransport } from './transport/lazy-transport.ts'

/**
 * Opens the database and starts an engine on it.
 *
 * It first ends, as `interrupted`, the turns that a killed process left running. Nothing is sent to
 * a provider. No signal handlers are installed: a host that is told to stop calls `close()`.
 *
 * With `readOnly` the engine only reads, even from a database that another engine has open.
 *
 * @throws `unsupported-runtime`, `invalid-option`, `database-in-use`, `database-too-new`, `database-too-old`,
 *   `database-busy`, `database-failed`
 */
export async function createEngine(given: EngineOptions = {}): Promise<Engine> {
  assertRuntime(process.versions)
  const options = resolveOptions(given)
  const { clock, steadyClock, newId, logger, emitIntervalMs } = options
  const feed = new Feed({ clock, steadyClock, emitIntervalMs })
  // Only what belongs to one turn, and may fail with it, uses the host's clock as it is.
  const steady = { ...options, clock: steadyClock }
  const { database } = options
  if (options.readOnly) {
    const view = await openSqliteView(database, logger)
    logger.info({ database, readOnly: true }, 'An engine was opened.')
    return new ReadOnlyEngine(view, feed)
  }
  const store = await openSqliteStore({
    database: options.database,
    durability: options.durability,
    secureDelete: options.secureDelete,
    clock: steadyClock,
    logger,
  })
  try {
    const endpoints = await Endpoints.open(store, options.secrets, logger)
    const preferences = await Preferences.open(store)
    const binder = new Binder(endpoints, preferences, options.warnings)
    const { timeouts, limits, addressPolicy, dispatcher } = options
    const transport = openTransport({
      timeouts,
      usageMs: timeouts.usageMs,
      limits,
      clock: steadyClock,
      newId,
      logger,
      addressPolicy,
      dispatcher,
      allows: (endpoint) => binder.allows(endpoint),
    })
    const oneShots = new OneShots(transport, binder, steady)
    const titles = new Titles({ store, feed, binder, preferences, oneShots, options: steady })
    const drains = new Drains({ store, feed, options })
    const late = new LateTools()
    const turns = new Turns({
      store,
      transport,
      feed,
      binder,
      drains,
      endpoints,
      late,
      options,
      expires: (at) => expiries.at(at),
      onIdle: (conversationId) => actors.rest(conversationId),
      tell: (conversationId, event) => actors.send(conversationId, event),
      onSettled: (live, result) => {
        if (live.refusal === undefined) actors.rest(live.conversationId)
        else actors.sleep(live.conversationId)
        if (result === 'done') titles.consider(live)
      },
    })
    const answers = new Answers({ store, turns, binder, options: steady })
    const expiries = new Expiries(store, steady, (call) => answers.expire(call))
    const actors = new Actors({
      machine: turns.machine,
      clock: steadyClock,
      logger,
      sleepAfterMs: options.sleepAfterMs,
      onFailure: (conversationId, error) => turns.abandonIn(conversationId, error),
    })
    logger.info({ database, readOnly: false, epoch: store.epoch }, 'An engine was opened.')
    void finishDeletions(store, options)
    await expiries.start()
    return new ConversationEngine({
      options: steady,
      store,
      transport,
      feed,
      endpoints,
      preferences,
      binder,
      drains,
      turns,
      late,
      answers,
      expiries,
      actors,
      oneShots,
      titles,
    })
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Runs behind the first calls. What is left to delete is in no answer to them. */
async function finishDeletions(
  store: ConversationStore,
  { warnings }: ResolvedOptions,
): Promise<void> {
  try {
    await store.finishDeletions()
  } catch (error) {
    warnings.warn('deletion', { err: error }, 'Deleted conversations could not be looked up.')
  }
}
