/**
 * The host's handle of an ended turn, made from stored records. It behaves like the handle of a
 * live turn, and knows neither the feed nor the machines.
 */
import { Observable } from 'rxjs'
import type { StoredTurnParts } from '../../../persistence/ports/turn-store.ts'
import { ColloquyError, errorRecord } from '../../../protocol/errors.ts'
import type { ConversationEvent, TurnHappening } from '../../../protocol/event.ts'
import { type Message, textOf } from '../../../protocol/message.ts'
import type { Snapshot } from '../../../protocol/snapshot.ts'
import type {
  Receipt,
  TerminalStatus,
  TurnPhase,
  TurnRecord,
  TurnStatus,
} from '../../../protocol/turn.ts'
import type { Reply, Turn } from '../../api/turn.ts'

export class StoredTurn implements Turn {
  readonly id: string
  readonly conversationId: string
  readonly replyId: string
  readonly userMessage: Message
  readonly placed: Turn['placed']
  readonly isRepeat: boolean
  readonly reply: Promise<Reply>
  readonly started: Promise<void>
  readonly #turn: TurnRecord
  readonly #owner: { readonly ownerId?: string }
  readonly #snapshot: Snapshot | undefined
  readonly #message: Message | undefined
  readonly #lastSeq: number
  readonly #cancel: () => Promise<Receipt>

  /**
   * @param isRepeat - true if a send found it by its key
   * @param unended - the error of `reply` if the turn has no end, in place of `save-failed`
   */
  constructor(
    { turn, ownerId, input, reply, lastSeqs, waiting }: StoredTurnParts,
    cancel: () => Promise<Receipt>,
    isRepeat: boolean,
    unended?: ColloquyError,
  ) {
    this.id = turn.id
    this.conversationId = turn.conversationId
    this.replyId = turn.replyId
    this.userMessage = input
    this.isRepeat = isRepeat
    this.#turn = turn
    this.#owner = ownerId === undefined ? {} : { ownerId }
    this.#message = reply
    const soFar = waiting && { parts: waiting, text: textOf(waiting), status: 'waiting' as const }
    this.#snapshot = snapshotOf(turn, reply ?? soFar, lastSeqs?.content ?? 1)
    // A crash left no numbers: the events are numbered anew.
    this.#lastSeq = lastSeqs?.terminal ?? (this.#snapshot === undefined ? 1 : 2)
    this.#cancel = cancel
    this.placed = turn.status === 'queued' ? 'queued' : 'started'
    const isUnended = isOpen(turn.status)
    this.reply = isUnended && unended ? Promise.reject(unended) : replyOf(turn, reply)
    // An unhandled rejection would end the host's process. Callers that await still get the error.
    this.reply.catch(() => {})
    this.started = turn.attempts > 0 ? Promise.resolve() : this.reply.then(() => {})
    this.started.catch(() => {})
  }

  /** The events that a late subscriber gets of an ended turn, under the numbers that they had. */
  get events(): Observable<ConversationEvent> {
    return new Observable((subscriber) => {
      const { id: turnId, conversationId } = this
      const turn = this.#turn
      const at = turn.endedAt ?? turn.startedAt
      const snapshot = this.#snapshot
      const tell = (seq: number, happening: TurnHappening) =>
        subscriber.next({ seq, conversationId, ...this.#owner, turnId, at, ...happening })
      if (snapshot !== undefined) tell(snapshot.seq, { type: 'reply.snapshot', snapshot })
      const { status } = turn
      if (!isOpen(status)) {
        const message = this.#message
        tell(this.#lastSeq, { type: `turn.${status}`, turn, ...(message && { message }) })
      }
      subscriber.complete()
    })
  }

  /** Of a turn that runs in another engine, what its row tells. */
  get phase(): TurnPhase | TerminalStatus {
    const { status } = this.#turn
    if (status === 'pending') return 'requesting'
    return status === 'streaming' ? 'receiving' : status
  }

  current(): Snapshot | undefined {
    return this.#snapshot
  }

  async *snapshots(): AsyncGenerator<Snapshot, undefined> {
    if (this.#snapshot !== undefined) yield this.#snapshot
    await this.reply
    return undefined
  }

  cancel(): Promise<Receipt> {
    return this.#cancel()
  }
}

/** Returns true for the status of a turn that has not ended. */
function isOpen(status: TurnStatus): status is Exclude<TurnStatus, TerminalStatus> {
  return (
    status === 'queued' || status === 'pending' || status === 'streaming' || status === 'waiting'
  )
}

function snapshotOf(
  { id: turnId, replyId: messageId }: TurnRecord,
  reply: Pick<Snapshot, 'parts' | 'text' | 'status'> | undefined,
  seq: number,
): Snapshot | undefined {
  if (reply === undefined || reply.parts.length === 0) return undefined
  const { parts, text, status } = reply
  return { turnId, messageId, seq, parts, text, status }
}

/** The error that `reply` rejects with; `undefined` if the turn is done. */
export function endingError(
  turn: TurnRecord,
  partial: Message | undefined,
  cause?: unknown,
): ColloquyError | undefined {
  if (turn.status === 'done') return undefined
  if (turn.status === 'cancelled') {
    const { code, message } = turn.error ?? {}
    return new ColloquyError(
      code === 'replaced' ? code : 'cancelled',
      message ?? 'The turn was cancelled.',
      { partial },
    )
  }
  if (isOpen(turn.status)) {
    return new ColloquyError(
      'save-failed',
      'The end of this turn could not be saved. It will be ended as interrupted when the database is opened again.',
    )
  }
  const failure = turn.error ?? errorRecord(undefined)
  return new ColloquyError(failure.code, failure.message, { ...failure, partial, cause })
}

async function replyOf(turn: TurnRecord, message: Message | undefined): Promise<Reply> {
  const error = endingError(turn, message)
  if (error !== undefined) throw error
  return { turn, message: message as Message }
}
