/** The options of an engine: what they mean. Their check, and the defaults, are in `resolved-options.ts`. */
import type { Clock } from '../../protocol/clock.ts'
import type { ConversationRecord } from '../../protocol/conversation.ts'
import type { Logger } from '../../protocol/logger.ts'
import type { Message } from '../../protocol/message.ts'
import type { AddressPolicy } from '../../transport/http/address-guard.ts'
import type { RequestDispatcher } from '../../transport/http/dispatchers.ts'

/** All options are optional, and may be `undefined`. Unknown ones are refused with `invalid-option`. */
export interface EngineOptions {
  /** An SQLite file, or `':memory:'`. One engine at a time owns a file. @defaultValue `'colloquy.db'` */
  readonly database?: string | undefined
  /**
   * Looks into a database, also beside the engine that has it open: what is stored can be read,
   * and whatever would write or ask a provider is refused with `read-only`. The file has to exist.
   *
   * @defaultValue false
   */
  readonly readOnly?: boolean | undefined
  /**
   * The least time between two snapshots of a reply, in milliseconds; 0 makes one for each delta.
   *
   * @defaultValue 100
   */
  readonly emitIntervalMs?: number | undefined
  /**
   * Whether untitled conversations get a title from the model after their first reply. It runs in
   * the background and never delays or fails a chat.
   *
   * @defaultValue true
   */
  readonly autoTitle?: boolean | undefined
  /** How long to wait for a provider, in milliseconds; `Infinity` waits for ever. */
  readonly timeouts?: TimeoutOptions | undefined
  /** How often, and after which waits, a reply is asked for again if no content came. */
  readonly retry?: RetryOptions | undefined
  /** How much of an answer is taken in before it is cut off. */
  readonly limits?: LimitOptions | undefined
  /**
   * How long a conversation rests before its actor leaves memory, in milliseconds, and up to a
   * quarter more; `Infinity`: it stays. The next send wakes it, and no reader notices. An awake one
   * takes a few kilobytes.
   *
   * @defaultValue 60,000
   */
  readonly sleepAfterMs?: number | undefined
  /**
   * What a commit survives: `full` also a power cut, `relaxed` a killed process only (the last
   * commits before a power cut may be gone; the file is never damaged).
   *
   * `relaxed` helps where disks sync slowly and hundreds of turns end each second.
   *
   * @defaultValue `'full'`
   */
  readonly durability?: 'full' | 'relaxed' | undefined
  /**
   * How often a running reply is written down, in milliseconds: of a process that is killed, at
   * most so much of each reply is lost. `Infinity` writes none before its end. A power cut may
   * undo the checkpoints of the last moments, whatever `durability` says.
   *
   * @defaultValue 1,000
   */
  readonly checkpointMs?: number | undefined
  /**
   * How the cost of a cancelled turn is found out, whose provider had not reported it:
   *
   * - `estimate`: by counting what was sent and received, at once; marked `source: 'estimated'`.
   * - `drain`: by reading an answer that had begun to its end, in silence, within `drain`. The turn
   *   is `cancelled` at once, its receipt says `upstreamAborted: false`, and its usage follows with
   *   `turn.usage`, if the provider reports it. The provider goes on, and bills what it makes.
   * - `none`: not at all, and it has no `usage`.
   *
   * @defaultValue `'estimate'`
   */
  readonly usageOnCancel?: 'estimate' | 'drain' | 'none' | undefined
  /** How far an answer is read on for `usageOnCancel: 'drain'`; then it is aborted after all. */
  readonly drain?: DrainOptions | undefined
  /**
   * Counts the tokens of a text for `usageOnCancel: 'estimate'`: a tokenizer, like
   * `(text) => encode(text).length` of gpt-tokenizer.
   *
   * @defaultValue one for each four bytes of UTF-8
   */
  readonly countTokens?: CountTokens | undefined
  readonly secrets?: SecretOptions | undefined
  /**
   * Which addresses endpoints may have that are neither put with `local: true` nor named
   * `airplane`. `public` refuses loopback, link-local, private and other special ones with
   * `address-refused`, when the connection is made, so that no name can hide them. For hosts that
   * let others choose urls. What goes through a proxy is checked only if its url has an address
   * instead of a name: behind a name is what the proxy finds.
   *
   * @defaultValue `'any'`
   */
  readonly addressPolicy?: AddressPolicy | undefined
  /**
   * Sends every request, to whatever endpoint, in place of Colloquy's own connections: an Agent,
   * ProxyAgent or MockAgent of undici 7 or later. Proxies of the environment do not apply, nor does
   * `addressPolicy: 'public'`, which is refused beside it. Requests to local endpoints and in
   * airplane mode go through it too. It is not closed with the engine.
   */
  readonly dispatcher?: RequestDispatcher | undefined
  /** Where warnings go, pino-shaped. @defaultValue warnings and errors to stderr, each text once */
  readonly logger?: Logger | undefined
  /**
   * Makes the messages that are sent out of those that are stored, for trimming or retrieval: up to
   * the input, with one reply to each. What it returns is not stored.
   */
  readonly prepare?: Prepare | undefined
  /** For tests and replays. @defaultValue the system's */
  readonly clock?: Clock | undefined
  /** A number from 0 up to 1, for tests and replays. @defaultValue the system's randomness */
  readonly random?: (() => number) | undefined
  /** Makes ids of messages and turns, for tests and replays. @defaultValue UUIDv7 */
  readonly newId?: (() => string) | undefined
}

export interface TimeoutOptions {
  /** From the request to the headers of the answer. Local models may load first. @defaultValue 600,000 */
  readonly headersMs?: number | undefined
  /** From the headers to the first content. @defaultValue 600,000 */
  readonly firstDeltaMs?: number | undefined
  /** Without a single byte since the headers; keep-alive comments count as life. @defaultValue 600,000 */
  readonly idleMs?: number | undefined
  /** From the first request to the end of the reply, with all attempts and waits. @defaultValue 3,600,000 */
  readonly turnMs?: number | undefined
  /**
   * From the finish reason until the provider has reported its usage; a reply that came without is
   * complete all the same. A finite number; 0 does not wait. @defaultValue 1,000
   */
  readonly usageMs?: number | undefined
}

/**
 * Retries, before any content came and never after: of lost connections, empty answers, and the
 * statuses 408, 409, 425, 429 and 5xx. `docs/architecture.md` has the whole list.
 */
export interface RetryOptions {
  /** Requests made to one endpoint for one reply, before its fallbacks are asked; 1 never retries. @defaultValue 3 */
  readonly maxAttempts?: number | undefined
  /**
   * The longest wait before the second request, in milliseconds. It doubles with each further one; how
   * much of it is waited is random.
   *
   * @defaultValue 500
   */
  readonly baseDelayMs?: number | undefined
  /**
   * No wait is longer, in milliseconds. A provider that asks for a longer one is not asked again: the
   * turn moves on to a fallback, or fails with `retryAfterMs` on its error.
   *
   * @defaultValue 10,000
   */
  readonly maxDelayMs?: number | undefined
}

/** In UTF-16 units: bytes, as long as the text is ASCII. */
export interface LimitOptions {
  /**
   * The longest event of a stream; then `event-too-large`, and what had come before it is kept. Raise
   * it for very large images in replies.
   *
   * @defaultValue 50,331,648 (48 MiB)
   */
  readonly eventBytes?: number | undefined
  /** The longest reply; then `reply-too-large`, and what had come is kept. @defaultValue 67,108,864 (64 MiB) */
  readonly replyBytes?: number | undefined
}

export interface DrainOptions {
  /** Milliseconds after the cancel; `Infinity` for as long as it takes. @defaultValue 30,000 */
  readonly timeoutMs?: number | undefined
  /** Bytes of the answer after the cancel. @defaultValue 4,194,304 */
  readonly bytes?: number | undefined
}

export interface SecretOptions {
  /**
   * Encrypts provider keys and headers at rest (AES-256-GCM): 32 bytes, or a passphrase of any
   * length. Without it they are held in memory only and have to be put again after a restart.
   */
  readonly encryptionKey?: string | Uint8Array | undefined
}

export type CountTokens = (text: string, model: string) => number

/** What `prepare` knows of the turn it prepares. */
export interface PreparedTurn {
  readonly turnId: string
  readonly conversation: ConversationRecord
  readonly endpoint: string
  readonly model: string
}

export type Prepare = (
  messages: readonly Message[],
  turn: PreparedTurn,
) => readonly Message[] | Promise<readonly Message[]>
