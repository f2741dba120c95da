/**
 * The turns that wait for an answer to their calls: how one rests, leaves memory, and goes on.
 *
 * A turn that waits is on disk. In memory it stays for a while, then only the promise of its reply does,
 * and after a restart nothing. To go on it is made live from its rows, on one path for all three. The
 * conversation machine lets it go on, so that no send comes between. Knows nothing of how an answer is
 * checked.
 */
import type { Feed } from '../../../feed/feed.ts'
import type { ConversationMachineEvent } from '../../../machines/conversation-events.ts'
import type { TurnReport } from '../../../machines/turn-events.ts'
import type { Viewer } from '../../../persistence/ports/conversation-store.ts'
import type { PlacedTurn } from '../../../persistence/ports/placement.ts'
import type { Store } from '../../../persistence/ports/store.ts'
import { ColloquyError, errorRecord, turnWaiting } from '../../../protocol/errors.ts'
import type { Receipt } from '../../../protocol/turn.ts'
import type { Reply } from '../../api/turn.ts'
import type { Binder } from '../../endpoints/binding.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import type { StepCallsPort } from '../calls/port.ts'
import type { CancelCause } from '../live-turn/cancel-cause.ts'
import type { OpenCancel } from '../live-turn/cancels.ts'
import { type LiveTurn, seen } from '../live-turn/live-turn.ts'
import type { LiveTurns } from '../live-turn/live-turns.ts'
import type { ResumeEnd, ResumeWish } from '../live-turn/turn-in-wait.ts'
import type { Checkpoints } from '../record/checkpointer.ts'
import { needsMemory } from '../record/wait-mark.ts'
import type { Sealer } from '../request/stored-options.ts'
import type { StepPort } from '../step/port.ts'
import { Rests } from './rests.ts'
import { Resumption } from './resumption.ts'
import { storedRequest, takeWait } from './stored-turn-in-wait.ts'

interface WaitingTurnsParts {
  readonly store: Store
  readonly feed: Feed
  readonly options: ResolvedOptions
  readonly binder: Binder
  readonly sealer: Sealer
  readonly checkpoints: Checkpoints
  readonly live: LiveTurns
  readonly steps: StepPort
  readonly calls: StepCallsPort
  /** Makes the queued turns of a conversation live, and returns their ids. */
  readonly restoreQueue: (conversationId: string) => Promise<readonly string[]>
  readonly stillQueued: (turnIds: readonly string[]) => readonly string[]
  readonly tell: (conversationId: string, event: ConversationMachineEvent) => void
  readonly onIdle: (conversationId: string) => void
  readonly isClosing: () => boolean
}

export class WaitingTurns {
  readonly #parts: WaitingTurnsParts
  /** Those in memory, and the promises of those that are not. */
  readonly #rests: Rests
  readonly #resumption: Resumption

  constructor(parts: WaitingTurnsParts) {
    this.#parts = parts
    const { options, live, feed, sealer } = parts
    this.#rests = new Rests({
      clock: options.steadyClock,
      afterMs: options.sleepAfterMs,
      mayLeave: ({ replyFeed, request }) => !replyFeed.isRead && !needsMemory(request, sealer),
      leave: (turn) => {
        live.remove(turn)
        feed.forget(turn.replyFeed)
        turn.left.resolve()
      },
    })
    this.#resumption = new Resumption({ ...parts, rests: this.#rests })
  }

  /** The number of waiting turns in memory, and of those whose reply somebody may still await. */
  get counts(): { readonly inMemory: number; readonly asleep: number } {
    return this.#rests.counts
  }

  /** The waiting turn of a conversation, if it is in memory. */
  in(conversationId: string): LiveTurn | undefined {
    return this.#parts.live.in(conversationId).find(({ isResting }) => isResting)
  }

  /** The turn waits from now on: tells subscribers, and goes on at once where a send steers it. */
  rest(live: LiveTurn): void {
    const { checkpoints, calls, onIdle, options } = this.#parts
    const { step, calls: own, replyFeed, conversationId, turnId } = live
    if (step === undefined || own === undefined) return
    const { input, place, stepsBefore } = step
    const pieces = checkpoints.rest(live)
    live.wait = { input, place, stepsBefore, step: step.ended, pieces }
    live.rest()
    replyFeed.rest(own.shown)
    const { waitRecord } = live
    if (waitRecord !== undefined) {
      const told = { type: 'turn.waiting', turn: waitRecord, calls: own.waitingCalls } as const
      replyFeed.publish(told, options.steadyClock)
    }
    options.logger.debug({ turnId, conversationId }, 'A turn waits for an answer to its calls.')
    this.#rests.add(live)
    const { open } = live.cancels
    if (open.length > 0) return void this.#cancelAgain(live, open)
    const steering = calls.steeredBy(live)
    if (steering === undefined) onIdle(conversationId)
    else void this.#steer(live.turnId)
  }

  /** A turn was queued behind one that waits, or before it. */
  placedBehind({ conversationId }: LiveTurn, { place, waiting }: PlacedTurn): void {
    const turnId = waiting ?? this.in(conversationId)?.turnId
    if (turnId === undefined) return
    if (place === 'first') void this.#steer(turnId)
    if (place === 'replacing') {
      void this.#safely(this.cancel(turnId, { cause: 'replacement', runsQueue: true }))
    }
  }

  /**
   * The live turn of a waiting turn, made from its rows if it is not in memory. `undefined` if the turn
   * does not wait, or the viewer does not see it.
   */
  async reach(turnId: string, viewer?: Viewer): Promise<LiveTurn | undefined> {
    const { live, store, feed, options } = this.#parts
    const known = live.get(turnId)
    if (known !== undefined) return viewer === undefined ? known : await seen(known, viewer)
    const stored = await store.readWait(turnId, viewer)
    // It may have come into memory while the store was read.
    const now = live.get(turnId)
    if (now !== undefined || stored === undefined || this.#parts.isClosing()) return now
    const asleep = this.#rests.wake(turnId)
    const old = asleep?.ref.deref()
    if (old !== undefined) {
      live.add(old)
      feed.openReply(old.replyFeed, stored.ownerId)
      this.#rests.add(old)
      return old
    }
    const { request, unusable } = storedRequest(stored, this.#parts.sealer)
    const turn = live.create(request, asleep?.reply)
    takeWait(turn, stored, options, unusable)
    feed.openReply(turn.replyFeed, stored.ownerId)
    turn.rest()
    this.#rests.add(turn)
    this.#parts.onIdle(turn.conversationId)
    return turn
  }

  /**
   * Lets a waiting turn go on. Returns `again` if it does so already, or only begins to wait: the caller
   * looks anew.
   *
   * @param follow - called in the tick in which the machine is told
   */
  async resume(
    live: LiveTurn,
    { answer, aim, viewer }: Omit<ResumeWish, 'end'>,
    follow: () => void = () => {},
  ): Promise<ResumeEnd | 'again'> {
    const { restoreQueue, stillQueued, tell, isClosing } = this.#parts
    const { wait, conversationId, turnId } = live
    if (!live.isResting || wait === undefined) {
      if (live.wait?.wish === undefined) await live.rested
      else await live.wait.wish.end.promise
      return 'again'
    }
    if (wait.wish !== undefined) {
      await wait.wish.end.promise
      return 'again'
    }
    const end = Promise.withResolvers<ResumeEnd>()
    wait.wish = { answer, aim, viewer, end }
    try {
      const found = await restoreQueue(conversationId)
      if (isClosing()) throw closed()
      const queue = stillQueued(found)
      tell(conversationId, { type: 'conversation.resume-turn', turnId, queue })
      follow()
    } catch (error) {
      wait.wish = undefined
      end.resolve({ kind: 'kept', error })
    }
    return await end.promise
  }

  /** Cancels a waiting turn. Returns `undefined` if it does not wait. */
  async cancel(
    turnId: string,
    {
      cause,
      runsQueue = false,
      viewer,
    }: {
      readonly cause?: CancelCause | undefined
      readonly runsQueue?: boolean | undefined
      readonly viewer?: Viewer | undefined
    },
  ): Promise<Receipt | undefined> {
    for (;;) {
      const live = await this.reach(turnId, viewer)
      if (live === undefined) return undefined
      let receipt: Promise<Receipt> | undefined
      const end = await this.resume(live, { aim: 'end', viewer }, () => {
        const cancel = live.cancels.request(cause)
        receipt = cancel.receipt
        const { request } = cancel
        this.#parts.tell(live.conversationId, { type: 'turn.cancel', turnId, request, runsQueue })
      })
      if (end === 'again') {
        // It runs, or has ended: not a matter of waiting turns any more.
        if (!live.isResting) return undefined
        continue
      }
      if (end.kind === 'kept' && end.error !== undefined) throw end.error
      return receipt
    }
  }

  /**
   * Makes cancels again that came while the turn was told to wait: its machine, which had ended by then, has
   * not seen them.
   */
  async #cancelAgain(live: LiveTurn, cancels: readonly OpenCancel[]): Promise<void> {
    const { conversationId, turnId } = live
    const send = () => {
      for (const cancel of cancels) {
        this.#parts.tell(conversationId, { type: 'turn.cancel', turnId, ...cancel })
      }
    }
    for (;;) {
      const end = await this.resume(live, { aim: 'end' }, send)
      if (end === 'again' && live.isResting) continue
      if (end === 'again') return send()
      if (end.kind === 'kept') live.cancels.reject(end.error ?? turnWaiting(turnId))
      return
    }
  }

  /** The action of the turn machine: writes that the turn goes on, and makes it live. Never rejects. */
  restore(live: LiveTurn): Promise<TurnReport> {
    return this.#resumption.restore(live)
  }

  async #steer(turnId: string): Promise<void> {
    await this.#safely(
      (async () => {
        for (;;) {
          const live = await this.reach(turnId)
          if (live === undefined) return
          const end = await this.resume(live, { aim: 'end' })
          if (end === 'again' && live.isResting) continue
          if (end !== 'again' && end.kind === 'kept') throw end.error ?? turnWaiting(turnId)
          return
        }
      })(),
    )
  }

  async #safely(work: Promise<unknown>): Promise<void> {
    try {
      await work
    } catch (error) {
      // The turn waits on, and the input is queued before it: nothing is wrong.
      if (this.#parts.isClosing()) return
      const { code } = errorRecord(error)
      this.#parts.options.logger.warn(
        { code },
        'A send could not end the turn that waits before it. Answer its calls, or cancel it.',
      )
    }
  }

  /** Rejects the replies of all waiting turns, which stay on disk. */
  close(): void {
    const end = (turnId: string, reply: PromiseWithResolvers<Reply>): ColloquyError => {
      const error = turnWaiting(turnId)
      reply.promise.catch(() => {})
      reply.reject(error)
      return error
    }
    this.#rests.close(end, (live) => {
      const error = end(live.turnId, live.reply)
      live.replyFeed.end(error)
      this.#parts.live.remove(live)
      live.left.resolve()
      live.over.resolve()
    })
  }
}

function closed(): ColloquyError {
  return new ColloquyError('engine-closed', 'The engine was closed.')
}
