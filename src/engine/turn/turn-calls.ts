/**
 * Finds, lists and cancels turns for a host, whichever caller began them.
 *
 * Knows nothing of how a turn begins, or of what the machines do with a cancel.
 */
import type { Viewer } from '../../persistence/ports/conversation-store.ts'
import type { Store } from '../../persistence/ports/store.ts'
import { conversationNotFound } from '../../protocol/errors.ts'
import type { CallRecord, Decision, StepRecord } from '../../protocol/call.ts'
import type { Receipt, TurnRecord } from '../../protocol/turn.ts'
import type { Actors } from '../actors/actors.ts'
import type { Turn } from '../api.ts'
import * as requests from '../options/call-schemas.ts'
import { checked } from '../options/check.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import { attachTurn } from './attach.ts'
import { cancelTurn, restedReceipt } from './cancel.ts'
import { TurnHandle } from './handle.ts'
import type { LiveTurn } from './live-turn.ts'
import type { CancelCall, Sends } from './sends.ts'
import type { Turns } from './turns.ts'

interface TurnCallsParts {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly turns: Turns
  readonly actors: Actors
  readonly sends: Sends
  /** The engine's own `cancel`, for the handles of turns. */
  readonly cancel: CancelCall
}

export class TurnCalls {
  readonly #parts: TurnCallsParts

  constructor(parts: TurnCallsParts) {
    this.#parts = parts
  }

  async cancel(
    conversationId: string,
    options: { readonly turnId?: string },
    viewer?: Viewer,
  ): Promise<Receipt> {
    checked(requests.conversationId, conversationId, 'cancel: conversation id')
    const { turnId } = checked(requests.cancelOptions, options, 'cancel')
    const { options: engine, store, turns, actors, sends } = this.#parts
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
    if (live !== undefined) return cancelTurn(actors, live, { turnId })
    await this.#assertExists(conversationId, viewer)
    const last =
      turnId === undefined
        ? await store.lastTurn(conversationId, viewer)
        : await store.getTurn(turnId, viewer)
    if (last?.conversationId !== conversationId) return restedReceipt()
    return restedReceipt(last, await store.replyOf(last.id))
  }

  running(conversationId: string, viewer?: Viewer): Turn | undefined {
    return this.#handleOf(this.#parts.turns.runningIn(conversationId), viewer)
  }

  allRunning(viewer?: Viewer): readonly Turn[] {
    return this.#parts.turns.running.flatMap((live) => this.#handleOf(live, viewer) ?? [])
  }

  async attach(turnId: string, viewer?: Viewer): Promise<Turn> {
    checked(requests.turnId, turnId, 'attachTurn: id')
    const { store, turns, cancel } = this.#parts
    const find = async (id: string) =>
      viewer === undefined ? turns.find(id) : seen(turns.find(id), viewer)
    return await attachTurn({ store, find, cancel, viewer }, turnId)
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

  async listCalls(turnId: string, viewer?: Viewer): Promise<readonly CallRecord[]> {
    checked(requests.turnId, turnId, 'listCalls: turn id')
    return await this.#parts.store.listCalls(turnId, viewer)
  }

  async listSteps(turnId: string, viewer?: Viewer): Promise<readonly StepRecord[]> {
    checked(requests.turnId, turnId, 'listSteps: turn id')
    return await this.#parts.store.listSteps(turnId, viewer)
  }

  /** The host says how a call ended that a crash left open. */
  async supply(callId: string, given: unknown, viewer?: Viewer): Promise<Decision> {
    checked(requests.callId, callId, 'supply: call id')
    const outcome = checked(requests.supplied, given, 'supply: the outcome')
    const { store, options } = this.#parts
    const at = new Date(options.clock.now())
    const { isTaken, call } = await store.supplyCall(callId, outcome, at, viewer)
    return { outcome: isTaken ? 'decided' : 'already-decided', call }
  }

  /** Returns `undefined` before the input of the turn is on disk. */
  #handleOf(live: LiveTurn | undefined, viewer: Viewer | undefined): Turn | undefined {
    if (live?.step === undefined || !live.isSeenBy(viewer)) return undefined
    const { conversationId, turnId } = live
    return new TurnHandle(live, live.step.input, () =>
      this.#parts.cancel(conversationId, turnId, viewer),
    )
  }

  async #assertExists(conversationId: string, viewer: Viewer | undefined): Promise<void> {
    const conversation = await this.#parts.store.getConversation(conversationId, viewer)
    if (conversation === undefined) throw conversationNotFound(conversationId)
  }
}

/** The live turn if the viewer sees it. Whose it is, is known once its input is on disk. */
export async function seen(
  live: LiveTurn | undefined,
  viewer: Viewer,
): Promise<LiveTurn | undefined> {
  if (live === undefined) return undefined
  if (!live.replyFeed.hasOwner) await live.accepted.promise.catch(() => undefined)
  return live.isSeenBy(viewer) ? live : undefined
}
