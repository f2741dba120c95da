/** What a row of the fault table says: what the upstream does, and what the engine must make of it. */
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

/** The inputs of the table; what is planted in them must come back from the store. */
export const QUESTION = 'Tell me a story about \ud800 and \u0000.'
export const KEY = 'sk-canary-of-the-fault-table'

/** What the row has to work with, before its turn begins. */
export interface Stage {
  readonly engine: Engine
  readonly conversation: ConversationRecord
  readonly provider: Provider
  /** Another server, which nobody should ask. */
  readonly other: Provider
  /** The engine's time, where the row is `timed`: it stands still. */
  readonly clock: SimulatedClock
}

export interface Scene extends Stage {
  readonly turn: Turn
  /** Resolves once the engine knows that the provider's headers have arrived. */
  readonly started: () => Promise<void>
  /** Cancels, and notes the receipt. */
  readonly cancel: () => Promise<void>
}

export interface Fault {
  /** What the upstream does, to be read after "survives an upstream that". */
  readonly name: string
  /** What requests are answered, one after another; the last one answers all that follow. */
  readonly upstream?: Script | readonly Script[] | undefined
  /** What else has to be arranged before the turn begins. */
  readonly arrange?: ((stage: Stage) => void | Promise<void>) | undefined
  /** The address the endpoint is given. @defaultValue the provider's */
  readonly url?: ((stage: { readonly provider: Provider }) => string | Promise<string>) | undefined
  /** @defaultValue chat completions */
  readonly dialect?: Dialect | undefined
  /** What happens while the turn runs. */
  readonly meanwhile?: ((scene: Scene) => Promise<void>) | undefined
  /** Gives the row an engine of its own. */
  readonly options?: EngineOptions | undefined
  /** Gives the row an engine of its own, whose time stands still. */
  readonly timed?: boolean | undefined
  readonly send?: SendOptions | undefined
  /** How long the turn may take, in milliseconds, and then the sockets. @defaultValue 15,000, and 3,000 */
  readonly patienceMs?: number | undefined
  readonly expected: Expected
}

/** What the engine must make of it. What is absent must not be there. */
export interface Expected {
  readonly outcome: 'done' | 'failed' | 'cancelled'
  readonly code?: ColloquyErrorCode | undefined
  readonly status?: number | undefined
  readonly providerCode?: string | undefined
  /** In milliseconds; of two the bounds. */
  readonly retryAfterMs?: number | readonly [number, number] | undefined
  /** What the error's message says. */
  readonly says?: RegExp | undefined
  /** The text that is kept. @defaultValue none */
  readonly text?: string | RegExp | undefined
  readonly reasoning?: string | undefined
  readonly toolCalls?: readonly { readonly name: string; readonly inputText: string }[] | undefined
  readonly finishReason?: FinishReason | undefined
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  /** How many requests reach the provider. @defaultValue 1 */
  readonly requests?: number | readonly [number, number] | undefined
  /** What the cancel is told. */
  readonly receipt?: Partial<Receipt> | undefined
}

/** A failure, in one line. */
export function failure(
  code: ColloquyErrorCode,
  more: Omit<Expected, 'outcome' | 'code'> = {},
): Expected {
  return { outcome: 'failed', code, ...more }
}

/** A success, in one line: it stopped because it was done. */
export function success(text: string | RegExp, more: Omit<Expected, 'outcome' | 'text'> = {}) {
  return { outcome: 'done', text, finishReason: 'stop', ...more } as const
}
