/**
 * A row of the fault table: the fault of the upstream, and the outcome that the engine must reach.
 */
import type { SimulatedClock } from 'xstate'
import type {
  ColloquyErrorCode,
  ConversationRecord,
  Dialect,
  Engine,
  EngineOptions,
  FinishReason,
  Receipt,
  SendOptions,
  Turn,
} from '../../src/index.ts'
import type { Provider, Script } from '../../src/testing.ts'

/** The input of every row. Its odd characters must come back from the store. */
export const QUESTION = 'Tell me a story about \ud800 and \u0000.'
export const KEY = 'sk-canary-of-the-fault-table'

/** The surroundings of a row before its turn begins. */
export interface Stage {
  readonly engine: Engine
  readonly conversation: ConversationRecord
  readonly provider: Provider
  /** Another server, which must receive no connection. */
  readonly other: Provider
  /** The engine's clock, if the row is `timed`. It stands still. */
  readonly clock: SimulatedClock
}

export interface Scene extends Stage {
  readonly turn: Turn
  /** Resolves once the engine knows that the provider's headers have arrived. */
  readonly started: () => Promise<void>
  /** Cancels the turn and keeps the receipt. */
  readonly cancel: () => Promise<void>
}

export interface Fault {
  /** The fault of the upstream, read after "survives an upstream that". */
  readonly name: string
  /** The answers, one for each request. The last one answers all further requests. */
  readonly upstream?: Script | readonly Script[] | undefined
  /** Further preparations before the turn begins. */
  readonly arrange?: ((stage: Stage) => void | Promise<void>) | undefined
  /** The address of the endpoint. @defaultValue the provider's */
  readonly url?: ((stage: { readonly provider: Provider }) => string | Promise<string>) | undefined
  /** @defaultValue chat completions */
  readonly dialect?: Dialect | undefined
  /** The test's actions while the turn runs. */
  readonly meanwhile?: ((scene: Scene) => Promise<void>) | undefined
  /** Options for the engine. A row with options has its own engine. */
  readonly options?: EngineOptions | undefined
  /** Gives the row its own engine, whose clock stands still. */
  readonly timed?: boolean | undefined
  readonly send?: SendOptions | undefined
  /**
   * The time limit of the turn, and then of the sockets, in milliseconds.
   *
   * @defaultValue 15,000 for the turn and 3,000 for the sockets
   */
  readonly patienceMs?: number | undefined
  readonly expected: Expected
}

/** The expected outcome. A field that is absent here must be absent there. */
export interface Expected {
  readonly outcome: 'done' | 'failed' | 'cancelled'
  readonly code?: ColloquyErrorCode | undefined
  readonly status?: number | undefined
  readonly providerCode?: string | undefined
  /** In milliseconds. A pair gives the bounds. */
  readonly retryAfterMs?: number | readonly [number, number] | undefined
  /** A pattern for the error's message. */
  readonly says?: RegExp | undefined
  /** The text that is kept. @defaultValue none */
  readonly text?: string | RegExp | undefined
  readonly reasoning?: string | undefined
  readonly toolCalls?: readonly { readonly name: string; readonly inputText: string }[] | undefined
  readonly finishReason?: FinishReason | undefined
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  /** The number of requests that reach the provider. @defaultValue 1 */
  readonly requests?: number | readonly [number, number] | undefined
  /** The receipt of the cancel. */
  readonly receipt?: Partial<Receipt> | undefined
}

/** An expected failure, in one line. */
export function failure(
  code: ColloquyErrorCode,
  more: Omit<Expected, 'outcome' | 'code'> = {},
): Expected {
  return { outcome: 'failed', code, ...more }
}

/** An expected success, in one line. Its finish reason is `stop`. */
export function success(text: string | RegExp, more: Omit<Expected, 'outcome' | 'text'> = {}) {
  return { outcome: 'done', text, finishReason: 'stop', ...more } as const
}
