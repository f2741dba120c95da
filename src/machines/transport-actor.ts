/**
 * The transport actor as the turn machine knows it: its input, its snapshot and its figures.
 *
 * Each attempt has an actor of its own. It makes one request and tells the turn how the request
 * goes. Has ids, counts and codes, and never text, a header or a key. The engine provides the logic.
 */
import type { ActorLogic, ActorSystem, ActorSystemInfo, EventObject, Snapshot } from 'xstate'
import type { ColloquyErrorCode } from '../protocol/errors.ts'
import type { ProviderDelta } from '../protocol/delta.ts'

/** The id of the actor in its turn. */
export const TRANSPORT_ACTOR_ID = 'transport'

export interface TransportInput {
  readonly turnId: string
  /** The number of the attempt in its turn, from 1. */
  readonly attempt: number
}

/** Reports of a request to the turn machine. */
export type ReplyReport =
  | { readonly type: 'reply.started' }
  | { readonly type: 'reply.first-delta' }
  | {
      readonly type: 'reply.finished'
      /** True if the request brought tool calls that the engine runs or answers. */
      readonly hasCalls?: boolean | undefined
      /** True if the provider stopped amid its own tools, and is asked to go on. */
      readonly isPaused?: boolean | undefined
    }
  | {
      readonly type: 'reply.failed'
      readonly code: ColloquyErrorCode
      /** The wait before another attempt, in milliseconds; absent if none can help. */
      readonly retryInMs?: number | undefined
    }

/**
 * What an inspector sees of a request. `preparing`: the request is not sent yet. `requesting`: it
 * was sent. `awaiting`: its headers came. `receiving`: content came. The rest say how it ended.
 */
export interface TransportFigures {
  readonly phase:
    | 'preparing'
    | 'requesting'
    | 'awaiting'
    | 'receiving'
    | 'finished'
    | 'failed'
    | 'aborted'
  readonly attempt: number
  readonly endpoint?: string
  readonly model?: string
  /** The HTTP status of the answer. */
  readonly status?: number
  /** Bytes of the body that were read, without its content encoding. */
  readonly bytes: number
  /** Events of the stream. */
  readonly events: number
  readonly deltas: number
  /** Characters of the reply, in UTF-16 units. */
  readonly characters: number
}

/** An XState snapshot, with the figures where a machine has its context. */
export type TransportSnapshot = Snapshot<undefined> & {
  readonly input: TransportInput
  readonly context: TransportFigures
}

/** Emitted for each batch, for listeners that were there before it. Subscribers use the feed. */
export interface DeltasEmitted {
  readonly type: 'reply.deltas'
  readonly deltas: readonly ProviderDelta[]
}

export type TransportLogic = ActorLogic<
  TransportSnapshot,
  EventObject,
  TransportInput,
  ActorSystem<ActorSystemInfo>,
  DeltasEmitted
>

/** Stands for the logic until the engine provides it. */
export const noTransport: TransportLogic = {
  getInitialSnapshot: () => {
    throw new Error('The turn machine needs a transport: provide({ actors: { transport } }).')
  },
  transition: (snapshot) => snapshot,
  getPersistedSnapshot: (snapshot) => snapshot,
}
