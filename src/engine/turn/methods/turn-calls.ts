/**
 * Finds, lists and cancels turns for a host, whichever caller began them.
 *
 * Knows nothing of how a turn begins, or of what the machines do with a cancel.
 */
import type { Viewer } from '../../../persistence/ports/conversation-store.ts'
import type { Store } from '../../../persistence/ports/store.ts'
import { conversationNotFound } from '../../../protocol/errors.ts'
import type { CallRecord, StepRecord } from '../../../protocol/call.ts'
import type { Receipt, TurnRecord } from '../../../protocol/turn.ts'
import type { Actors } from '../../actors/actors.ts'
import type { CancelOptions, WaitingCallOptions } from '../../api/turn-options.ts'
import type { Turn } from '../../api/turn.ts'
import * as requests from '../../options/call-schemas.ts'
import { checked } from '../../options/check.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import { attachTurn } from '../handle/attach.ts'
import { TurnHandle } from '../handle/handle.ts'
import { type CancelCall, cancelTurn, restedReceipt } from '../live-turn/cancel.ts'
import { type LiveTurn, seen } from '../live-turn/live-turn.ts'
import type { Turns } from '../turns.ts'
import { listWaitingCalls } from './call-list.ts'
import type { QueueCalls } from './queue-calls.ts'
import type { Sends } from './sends.ts'

interface TurnCallsParts {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly turns: Turns
  readonly actors: Actors
  readonly sends: Sends
  readonly queueCalls: QueueCalls
  /** The engine's own `cancel`, for the handles of turns. */
  readonly cancel: CancelCall
}

export class TurnCalls {
  readonly #parts: TurnCallsParts

  constructor(parts: TurnCallsParts) {
    this.#parts = parts
  }

  async cancel(conversationId: string, options: CancelOptions, viewer?: Viewer): Promise<Receipt> {
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
    // The engine's own cancel finds the turn in its own tick.
    const live = viewer === undefined ? running : await seen(running, viewer)
    engine.logger.debug({ conversationId, turnId: live?.turnId }, 'A cancel was asked for.')
    // Turns that were queued before an opening are not live yet.
    if (live === undefined && queued !== 'hold') await queueCalls.restore(conversationId, viewer)
    if (queued === 'cancel') return await this.#cancelAll(conversationId, turnId, viewer)
    const runsQueue = queued === 'run'
    const receipt = await this.#cancel(conversationId, { turnId, runsQueue }, viewer)
    if (runsQueue && live === undefined) await queueCalls.run(conversationId, { viewer })
    return receipt
  }

  running(conversationId: string, viewer?: Viewer): Turn | undefined {
    return this.#handleOf(this.#parts.turns.runningIn(conversationId), viewer)
  }

  allRunning(viewer?: Viewer): readonly Turn[] {
    return this.#parts.turns.running.flatMap((live) => this.#handleOf(live, viewer) ?? [])
  }

  async attach(turnId: string, viewer?: Viewer): Promise<Turn> {
    checked(requests.turnId, turnId, 'attachTurn: id')
    const { store, turns, queueCalls, cancel } = this.#parts
    const find = async (id: string) =>
      viewer === undefined ? turns.find(id) : seen(turns.find(id), viewer)
    const restore = (conversationId: string) => queueCalls.restore(conversationId, viewer)
    const reach = (id: string) => turns.waiting.reach(id, viewer)
    return await attachTurn({ store, find, cancel, viewer, restore, reach }, turnId)
  }

  async get(turnId: string, viewer?: Viewer): Promise<TurnRecord | undefined> {
    checked(requests.turnId, turnId, 'getTurn: id')
    const { store, turns } = this.#parts
    const live = turns.find(turnId)
    const turn = await store.getTurn(turnId, viewer)
    return turn && (live?.liveRecord(turn) ?? turn)
  }

  async list(conversationId: string, viewer?: Viewer): Promise<readonly TurnRecord[]> {
    checked(requests.conversationId, conversationId, 'listTurns: conversation id')
    const { store, turns } = this.#parts
    await this.#assertExists(conversationId, viewer)
    const live = turns.runningIn(conversationId)
    const stored = await store.listTurns(conversationId, viewer)
    return stored.map((turn) => (turn.id === live?.turnId ? live.liveRecord(turn) : turn))
  }

  async #cancel(
    conversationId: string,
    { turnId, runsQueue }: { readonly turnId: string | undefined; readonly runsQueue: boolean },
    viewer: Viewer | undefined,
  ): Promise<Receipt> {
    const { store, turns, actors, queueCalls } = this.#parts
    if (turnId !== undefined && turnId !== turns.runningIn(conversationId)?.turnId) {
      const queued = await queueCalls.find(conversationId, turnId, viewer)
      if (queued !== undefined) return cancelTurn(actors, queued)
    }
    const running = turns.runningIn(conversationId)
    const live = viewer === undefined ? running : await seen(running, viewer)
    if (live !== undefined) return cancelTurn(actors, live, { turnId, runsQueue })
    await this.#assertExists(conversationId, viewer)
    const waiting = await this.#cancelWaiting(conversationId, { turnId, runsQueue }, viewer)
    if (waiting !== undefined) return waiting
    const last =
      turnId === undefined
        ? await store.lastTurn(conversationId, viewer)
        : await store.getTurn(turnId, viewer)
    if (last?.conversationId !== conversationId) return restedReceipt()
    return restedReceipt(last, await store.replyOf(last.id))
  }

  /** Cancels the turn that waits. Returns `undefined` if there is none, or another one is named. */
  async #cancelWaiting(
    conversationId: string,
    { turnId, runsQueue }: { readonly turnId: string | undefined; readonly runsQueue: boolean },
    viewer: Viewer | undefined,
  ): Promise<Receipt | undefined> {
    const { store, turns } = this.#parts
    const id = await store.waitingTurn(conversationId, viewer)
    if (id === undefined || (turnId !== undefined && turnId !== id)) return undefined
    return await turns.waiting.cancel(id, { runsQueue, viewer })
  }

  /**
   * Ends the queued turns, newest first, and then cancels the running one. All of them are told in one
   * tick, so that none of them starts in between.
   */
  async #cancelAll(
    conversationId: string,
    turnId: string | undefined,
    viewer: Viewer | undefined,
  ): Promise<Receipt> {
    const { turns, actors } = this.#parts
    if (viewer !== undefined) {
      for (const live of turns.queue.waitingIn(conversationId)) await seen(live, viewer)
    }
    const queued = turns.queue.waitingIn(conversationId).filter((live) => live.isSeenBy(viewer))
    const ends = queued.toReversed().map((live) => cancelTurn(actors, live))
    const isQueued = queued.some((live) => live.turnId === turnId)
    const found = turns.runningIn(conversationId)
    const running = found?.isSeenBy(viewer) === true ? found : undefined
    const stopped =
      isQueued || running === undefined ? undefined : cancelTurn(actors, running, { turnId })
    const receipts = (await Promise.all(ends)).toReversed()
    const withdrawn = receipts.flatMap((receipt) => receipt.withdrawn ?? [])
    const [first] = receipts
    const receipt =
      (await stopped) ??
      (isQueued
        ? undefined
        : await this.#cancelWaiting(conversationId, { turnId, runsQueue: false }, viewer)) ??
      first ??
      (await this.#cancel(conversationId, { turnId, runsQueue: false }, viewer))
    return withdrawn.length === 0 ? receipt : { ...receipt, withdrawn }
  }

  async listCalls(turnId: string, viewer?: Viewer): Promise<readonly CallRecord[]> {
    checked(requests.turnId, turnId, 'listCalls: turn id')
    return await this.#parts.store.listCalls(turnId, viewer)
  }

  async listSteps(turnId: string, viewer?: Viewer): Promise<readonly StepRecord[]> {
    checked(requests.turnId, turnId, 'listSteps: turn id')
    return await this.#parts.store.listSteps(turnId, viewer)
  }

  /** The turn that runs or waits. */
  async current(conversationId: string, viewer?: Viewer): Promise<Turn | undefined> {
    checked(requests.conversationId, conversationId, 'currentTurn: conversation id')
    const { store, turns, cancel } = this.#parts
    const running = turns.runningIn(conversationId)
    const live = viewer === undefined ? running : await seen(running, viewer)
    if (live !== undefined) {
      await live.accepted.promise.catch(() => undefined)
      const handle = this.#handleOf(live, viewer)
      if (handle !== undefined) return handle
    }
    const turnId = await store.waitingTurn(conversationId, viewer)
    const waiting = turnId === undefined ? undefined : await turns.waiting.reach(turnId, viewer)
    const input = waiting?.userMessage
    if (waiting === undefined || input === undefined) return undefined
    return new TurnHandle(waiting, input, { placed: 'started', isRepeat: false }, () =>
      cancel(conversationId, waiting.turnId, viewer),
    )
  }

  async listWaitingCalls(
    options: WaitingCallOptions,
    viewer?: Viewer,
  ): Promise<readonly CallRecord[]> {
    return await listWaitingCalls(this.#parts.store, options, viewer)
  }

  /** Returns `undefined` before the input of the turn is on disk. */
  #handleOf(live: LiveTurn | undefined, viewer: Viewer | undefined): Turn | undefined {
    if (live?.step === undefined || !live.isSeenBy(viewer)) return undefined
    const { conversationId, turnId } = live
    return new TurnHandle(live, live.step.input, { placed: 'started', isRepeat: false }, () =>
      this.#parts.cancel(conversationId, turnId, viewer),
    )
  }

  async #assertExists(conversationId: string, viewer: Viewer | undefined): Promise<void> {
    const conversation = await this.#parts.store.getConversation(conversationId, viewer)
    if (conversation === undefined) throw conversationNotFound(conversationId)
  }
}
