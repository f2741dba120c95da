/**
 * The options of an engine and their meaning.
 *
 * Types only: the check and the defaults are in `resolve-options.ts`.
 */
import type { Clock } from '../../protocol/clock.ts'
import type { Logger } from '../../protocol/logger.ts'
import type { SendPolicy } from '../../protocol/turn.ts'
import type { AnyTool } from '../../tools/tool.ts'
import type { AddressPolicy } from '../../transport/http/address-guard.ts'
import type { RequestDispatcher } from '../../transport/http/dispatchers.ts'
import type { Prepare, PrepareStep } from './prepare.ts'

/**
 * The options of `createEngine`. All are optional, and may be `undefined`. Unknown options are
 * refused with `invalid-option`.
 */
export interface EngineOptions {
  /**
   * An SQLite file, or `':memory:'`. One engine at a time owns a file.
   *
   * @defaultValue `'colloquy.db'`
   */
  readonly database?: string | undefined
  /**
   * True to open the database only for reading, even while another engine has it open. Calls that
   * would write or ask a provider are refused with `read-only`. The file has to exist.
   *
   * @defaultValue false
   */
  readonly readOnly?: boolean | undefined
  /**
   * The shortest time between two snapshots of a reply, in milliseconds; 0 makes one for each
   * delta.
   *
   * @defaultValue 100
   */
  readonly emitIntervalMs?: number | undefined
  /**
   * True if untitled conversations get a title from the model after their first reply. The title
   * is made in the background, and never delays or fails a chat.
   *
   * @defaultValue true
   */
  readonly autoTitle?: boolean | undefined
  /** How long to wait for a provider, in milliseconds; `Infinity` waits forever. */
  readonly timeouts?: TimeoutOptions | undefined
  /** How often, and after which waits, an attempt that brought no content is retried. */
  readonly retry?: RetryOptions | undefined
  /** How much of an answer is read before it is cut off. */
  readonly limits?: LimitOptions | undefined
  /**
   * What a send does while a turn runs in its conversation, where neither the send nor the conversation
   * says it; see {@link SendPolicy}.
   *
   * @defaultValue `'reject'`
   */
  readonly sendPolicy?: SendPolicy | undefined
  /**
   * How long a conversation rests before its actor leaves memory, in milliseconds. It may rest up
   * to a quarter longer; with `Infinity` the actor stays. The next send wakes it, and no subscriber
   * notices. An awake conversation takes a few kilobytes.
   *
   * @defaultValue 60,000
   */
  readonly sleepAfterMs?: number | undefined
  /**
   * With `full`, a commit survives a killed process and a power cut. With `relaxed`, it survives a
   * killed process only. A power cut may then undo the last commits, but never damages the file.
   *
   * `relaxed` helps where disks sync slowly and hundreds of turns end each second.
   *
   * @defaultValue `'full'`
   */
  readonly durability?: 'full' | 'relaxed' | undefined
  /**
   * True to overwrite deleted texts in the file, so that none of them is left in it after `close()`.
   * Deletions and updates write more for it. Texts that were deleted without it stay in free pages
   * until they are used again.
   *
   * @defaultValue false
   */
  readonly secureDelete?: boolean | undefined
  /**
   * How often a checkpoint of each running reply is written, in milliseconds. If the process is
   * killed, at most this much of each reply is lost. `Infinity` writes nothing before the reply's
   * end. A power cut may undo the newest checkpoints, even if `durability` is `full`.
   *
   * @defaultValue 1,000
   */
  readonly checkpointMs?: number | undefined
  /**
   * How the usage of a cancelled turn is found if the provider had not reported it:
   *
   * - `estimate`: the texts sent and received are counted at once. The usage is marked
   *   `source: 'estimated'`.
   * - `drain`: an answer that had begun is read to its end in silence, within `drain`. The turn is
   *   `cancelled` at once, and its receipt says `upstreamAborted: false`. Its usage follows with
   *   `turn.usage`, if the provider reports it. The provider goes on, and bills the rest too.
   * - `none`: the turn has no `usage`.
   *
   * @defaultValue `'estimate'`
   */
  readonly usageOnCancel?: 'estimate' | 'drain' | 'none' | undefined
  /** How far `usageOnCancel: 'drain'` reads an answer. Beyond that, the request is aborted. */
  readonly drain?: DrainOptions | undefined
  /**
   * Counts the tokens of a text for `usageOnCancel: 'estimate'`. Give a tokenizer, such as
   * `(text) => encode(text).length` with gpt-tokenizer.
   *
   * @defaultValue one token for each four bytes of UTF-8
   */
  readonly countTokens?: CountTokens | undefined
  readonly secrets?: SecretOptions | undefined
  /**
   * Which addresses an endpoint may have if it is neither put with `local: true` nor named
   * `airplane`. For hosts that let others choose urls.
   *
   * `public` refuses loopback, link-local, private and other special addresses with
   * `address-refused`. The address is checked when the connection is made, so that no name can hide
   * it. Through a proxy only an address in the url itself is checked, because the proxy resolves
   * the names.
   *
   * @defaultValue `'any'`
   */
  readonly addressPolicy?: AddressPolicy | undefined
  /**
   * Sends every request, to any endpoint, in place of Colloquy's own connections: an Agent,
   * ProxyAgent or MockAgent of undici 7 or later. Requests to local endpoints and in airplane mode
   * go through it too. It is not closed with the engine.
   *
   * Proxies of the environment do not apply then. `addressPolicy: 'public'` cannot apply either,
   * and is refused beside a dispatcher.
   */
  readonly dispatcher?: RequestDispatcher | undefined
  /**
   * Gets the log entries, with the methods and arguments of a pino logger: failed turns and retries
   * as warnings; openings, recoveries and migrations as information; the rest for debugging. They
   * have codes and ids, and never texts or secrets. Errors of the host's own functions and tools are there
   * with their messages and stacks; those of tools without the keys and headers of endpoints.
   *
   * @defaultValue writes warnings and errors to stderr, each text once, but not those of single turns
   */
  readonly logger?: Logger | undefined
  /**
   * Replaces the messages of a request, for trimming or retrieval. It gets the stored messages up
   * to the input, with one reply to each earlier input. Its result is sent, and not stored.
   *
   * @example
   * ```ts
   * const engine = await createEngine({ prepare: (messages) => messages.slice(-20) })
   * ```
   */
  readonly prepare?: Prepare | undefined
  /**
   * The tools that models may call, by name. The engine runs the calls of those with `execute`, and
   * sends the results. They are offered to every turn, unless its conversation or its send names fewer.
   *
   * @example
   * ```ts
   * const inputSchema = { type: 'object', properties: { zone: { type: 'string' } } }
   * const engine = await createEngine({
   *   tools: {
   *     time: {
   *       inputSchema,
   *       execute: ({ zone }) => new Date().toLocaleString('en', { timeZone: zone }),
   *     },
   *   },
   * })
   * ```
   */
  readonly tools?: Readonly<Record<string, AnyTool>> | undefined
  /** Called before each request of a turn, for what that request is to be made with. */
  readonly prepareStep?: PrepareStep | undefined
  /** For tests and replays. @defaultValue the system's clock */
  readonly clock?: Clock | undefined
  /**
   * Returns a number from 0 up to 1, for tests and replays.
   *
   * @defaultValue the system's randomness
   */
  readonly random?: (() => number) | undefined
  /** Makes ids of messages and turns, for tests and replays. @defaultValue UUIDv7 */
  readonly newId?: (() => string) | undefined
}

/** How long a turn waits for its provider. All times are milliseconds. */
export interface TimeoutOptions {
  /**
   * From the request to the headers of the answer. A local model may have to load first.
   *
   * @defaultValue 600,000
   */
  readonly headersMs?: number | undefined
  /** From the headers to the first content. @defaultValue 600,000 */
  readonly firstDeltaMs?: number | undefined
  /**
   * The longest silence after the headers. Every byte ends a silence, even that of a keep-alive
   * comment.
   *
   * @defaultValue 600,000
   */
  readonly idleMs?: number | undefined
  /**
   * From the first request to the end of the reply, with all attempts and waits.
   *
   * @defaultValue 3,600,000
   */
  readonly turnMs?: number | undefined
  /**
   * From the finish reason to the usage that the provider reports. A reply without usage is
   * complete all the same. Begins only if the reason comes by itself after content. A finite
   * number; 0 does not wait. @defaultValue 1,000
   */
  readonly usageMs?: number | undefined
  /** How long a tool may run. Its call then has the result `timeout`. @defaultValue 60,000 */
  readonly toolMs?: number | undefined
  /**
   * How long a call waits for an answer, a decision or an output. Then it is denied, with the code
   * `expired`. @defaultValue `Infinity`
   */
  readonly approvalMs?: number | undefined
  /**
   * How long `close` waits for tools that still run although their turns are over. Outcomes that come
   * later are dropped. A finite number; 0 does not wait. @defaultValue 1,000
   */
  readonly toolCloseMs?: number | undefined
}

/**
 * The limits of retries. A failed attempt is followed by another one only before the first content:
 * after lost connections, empty answers, and the statuses 408, 409, 425, 429 and 5xx.
 * `docs/providers.md` has the whole list, and says after which of them only a fallback is asked.
 */
export interface RetryOptions {
  /**
   * Requests made to one endpoint for one reply, before its fallbacks are asked; 1 never retries.
   *
   * @defaultValue 3
   */
  readonly maxAttempts?: number | undefined
  /**
   * The longest wait before the second request, in milliseconds. It doubles with each further
   * request. The actual wait is a random share of it.
   *
   * @defaultValue 500
   */
  readonly baseDelayMs?: number | undefined
  /**
   * The longest wait before any request, in milliseconds. A provider that asks for a longer wait is
   * not asked again: the turn moves on to a fallback, or fails with `retryAfterMs` on its error.
   *
   * @defaultValue 10,000
   */
  readonly maxDelayMs?: number | undefined
}

/** Limits. Bytes are UTF-16 units, which are bytes as long as the text is ASCII. */
export interface LimitOptions {
  /**
   * The longest event of a stream. A longer one fails the reply with `event-too-large`, and the
   * content before it is kept. Raise it for very large images in replies.
   *
   * @defaultValue 50,331,648 (48 MiB)
   */
  readonly eventBytes?: number | undefined
  /**
   * The largest reply: its texts, arguments, pictures and opaque data, with an overhead for each
   * further part. A larger one fails with `reply-too-large`, and the content that had come is kept.
   *
   * @defaultValue 67,108,864 (64 MiB)
   */
  readonly replyBytes?: number | undefined
  /**
   * The most parts of a reply, tool calls included. A reply of more fails with `reply-too-large`,
   * and that many parts are kept.
   *
   * @defaultValue 10,000
   */
  readonly replyParts?: number | undefined
  /**
   * The most queued turns of a conversation, 0 to 1,000. A further send is refused with `queue-full`.
   *
   * @defaultValue 16
   */
  readonly queuedTurns?: number | undefined
  /**
   * The most requests of a turn that runs tools. The last one is made without calls, so that the turn
   * ends with words. @defaultValue 20
   */
  readonly steps?: number | undefined
  /** The most calls of one request that run. @defaultValue 32 */
  readonly callsPerStep?: number | undefined
  /** The most tools of one turn that run at once. @defaultValue 8 */
  readonly parallelTools?: number | undefined
  /** The most tools of the engine that run at once. @defaultValue 64 */
  readonly parallelToolsTotal?: number | undefined
  /**
   * The longest result of a tool that a model sees; of a longer one it sees head and tail.
   * @defaultValue 262,144
   */
  readonly toolResultBytes?: number | undefined
  /** The longest arguments of a call. A longer call does not run. @defaultValue 1,048,576 */
  readonly toolInputBytes?: number | undefined
}

/** How far the answer of a cancelled turn is read in silence. */
export interface DrainOptions {
  /** Milliseconds after the cancel; `Infinity` sets no limit. @defaultValue 30,000 */
  readonly timeoutMs?: number | undefined
  /** Bytes of the answer after the cancel. @defaultValue 4,194,304 */
  readonly bytes?: number | undefined
}

/** How the keys and headers of endpoints are stored. */
export interface SecretOptions {
  /**
   * Encrypts provider keys, headers and secrets of urls at rest (AES-256-GCM): 32 bytes, or a
   * passphrase of any length. Without it, they are held in memory only. After a restart, endpoints
   * that had some fail with `key-unreadable` until they are put again.
   *
   * A passphrase takes some 0.4 s of CPU at each opening (scrypt). If it is not the one that the
   * database has, a warning is logged, and using or putting a secret fails with `key-unreadable`.
   * To change the key, put each endpoint with its key on an engine without encryption key, and then
   * again on one with the new encryption key.
   */
  readonly encryptionKey?: string | Uint8Array | undefined
}

/** Returns the number of tokens that a text has for a model. */
export type CountTokens = (text: string, model: string) => number
