/**
 * Finds, lists and cancels turns for a host, whichever caller began them.
 *
 * Knows nothing of how a turn begins, or of what the machines do with a cancel.
 */
import type { Store } from '../../persistence/ports/store.ts'
import { conversationNotFound } from '../../protocol/errors.ts'
import type { Receipt, TurnRecord } from '../../protocol/turn.ts'
import type { Actors } from '../actors/actors.ts'
import type { CancelOptions, Turn } from '../api.ts'
import * as requests from '../options/call-schemas.ts'
import { checked } from '../options/check.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import { attachTurn } from './attach.ts'
import { cancelTurn, restedReceipt } from './cancel.ts'
import { TurnHandle } from './handle.ts'
import type { QueueCalls } from './queue-calls.ts'
import type { Sends } from './sends.ts'
import type { Turns } from './turns.ts'

interface TurnCallsParts {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly turns: Turns
  readonly actors: Actors
  readonly sends: Sends
  readonly queueCalls: QueueCalls
  /** The engine's own `cancel`, for the handles of turns. */
  readonly cancel: (conversationId: string, turnId: string) => Promise<Receipt>
}

export class TurnCalls {
  readonly #parts: TurnCallsParts

  constructor(parts: TurnCallsParts) {
    this.#parts = parts
  }

  async cancel(conversationId: string, options: CancelOptions): Promise<Receipt> {
    checked(requests.conversationId, conversationId, 'cancel: conversation id')
    const { turnId, queued } = checked(requests.cancelOptions, options, 'cancel')
    const { options: engine, turns, sends, queueCalls } = this.#parts
    for (
      let send = sends.pendingLookup(conversationId);
      send !== undefined;
      send = sends.pendingLookup(conversationId)
    ) {
      await send
    }
    const running = turns.runningIn(conversationId)
    engine.logger.debug({ conversationId, turnId: running?.turnId }, 'A cancel was asked for.')
    // Turns that were queued before an opening are not live yet.
    if (running === undefined && queued !== 'hold') await queueCalls.restore(conversationId)
    if (queued === 'cancel') return await this.#cancelAll(conversationId, turnId)
    const receipt = await this.#cancel(conversationId, turnId, queued === 'run')
    if (queued === 'run' && running === undefined) await queueCalls.run(conversationId)
    return receipt
  }

  running(conversationId: string): Turn | undefined {
    const { turns, cancel } = this.#parts
    const live = turns.runningIn(conversationId)
    if (live?.step === undefined) return undefined
    return new TurnHandle(live, live.step.input, 'started', () =>
      cancel(conversationId, live.turnId),
    )
  }

  async attach(turnId: string): Promise<Turn> {
    checked(requests.turnId, turnId, 'attachTurn: id')
    const { store, turns, queueCalls, cancel } = this.#parts
    const restore = (conversationId: string) => queueCalls.restore(conversationId)
    return await attachTurn({ store, find: (id) => turns.find(id), restore, cancel }, turnId)
  }

  async get(turnId: string): Promise<TurnRecord | undefined> {
    checked(requests.turnId, turnId, 'getTurn: id')
    const { store, turns } = this.#parts
    const live = turns.find(turnId)
    const turn = await store.getTurn(turnId)
    return turn && (live?.liveRecord(turn) ?? turn)
  }

  async list(conversationId: string): Promise<readonly TurnRecord[]> {
    checked(requests.conversationId, conversationId, 'listTurns: conversation id')
    const { store, turns } = this.#parts
    await this.#assertExists(conversationId)
    const live = turns.runningIn(conversationId)
    const stored = await store.listTurns(conversationId)
    return stored.map((turn) => (turn.id === live?.turnId ? live.liveRecord(turn) : turn))
  }

  async #cancel(
    conversationId: string,
    turnId: string | undefined,
    runsQueue: boolean,
  ): Promise<Receipt> {
    const { store, turns, actors, queueCalls } = this.#parts
    if (turnId !== undefined && turnId !== turns.runningIn(conversationId)?.turnId) {
      const queued = await queueCalls.find(conversationId, turnId)
      if (queued !== undefined) return cancelTurn(actors, queued)
    }
    const live = turns.runningIn(conversationId)
    if (live !== undefined) return cancelTurn(actors, live, { turnId, runsQueue })
    await this.#assertExists(conversationId)
    const last =
      turnId === undefined ? await store.lastTurn(conversationId) : await store.getTurn(turnId)
    if (last?.conversationId !== conversationId) return restedReceipt()
    return restedReceipt(last, await store.replyOf(last.id))
  }

  /**
   * Ends the queued turns, newest first, and then cancels the running one. All of them are told in one
   * tick, so that none of them starts in between.
   */
  async #cancelAll(conversationId: string, turnId: string | undefined): Promise<Receipt> {
    const { turns, actors } = this.#parts
    const queued = turns.queue.waitingIn(conversationId)
    const ends = queued.toReversed().map((live) => cancelTurn(actors, live))
    const isQueued = queued.some((live) => live.turnId === turnId)
    const running = turns.runningIn(conversationId)
    const stopped =
      isQueued || running === undefined ? undefined : cancelTurn(actors, running, { turnId })
    const receipts = (await Promise.all(ends)).toReversed()
    const withdrawn = receipts.flatMap((receipt) => receipt.withdrawn ?? [])
    const [first] = receipts
    const receipt = (await stopped) ?? first ?? (await this.#cancel(conversationId, turnId, false))
    return withdrawn.length === 0 ? receipt : { ...receipt, withdrawn }
  }

  async #assertExists(conversationId: string): Promise<void> {
    const conversation = await this.#parts.store.getConversation(conversationId)
    if (conversation === undefined) throw conversationNotFound(conversationId)
  }
}
