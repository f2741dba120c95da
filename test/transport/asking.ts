/** Asks a transport for replies and notes every call of the sink. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../src/protocol/clock.ts'
import type { ProviderDelta, ReplyEnd, ReplySink } from '../../src/protocol/delta.ts'
import type { ErrorRecord } from '../../src/protocol/errors.ts'
import { EVENT_BYTES, REPLY_BYTES, REPLY_PARTS, USAGE_MS } from '../../src/transport/limits.ts'
import type { ReplyLimits } from '../../src/transport/limits.ts'
import type { ProviderTarget } from '../../src/transport/provider-target.ts'
import type { ReplyHandle, ReplyRequest } from '../../src/transport/reply-request.ts'
import { openTransport } from '../../src/transport/lazy-transport.ts'
import type { Transport, TransportOptions } from '../../src/transport/transport.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
}

/** A clock that advances only when the test says so. */
export class ManualClock implements Clock {
  #now = 1_700_000_000_000
  #nextId = 1
  readonly #timers = new Map<number, { at: number; fn: () => void }>()

  /** The number of pending timers. */
  get pending(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#now
  }

  setTimeout(fn: () => void, ms: number): number {
    this.#timers.set(this.#nextId, { at: this.#now + ms, fn })
    return this.#nextId++
  }

  clearTimeout(id: unknown): void {
    this.#timers.delete(id as number)
  }

  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end)
      const next = due.toSorted((a, b) => a[1].at - b[1].at)[0]
      if (next === undefined) break
      this.#now = Math.max(this.#now, next[1].at)
      this.#timers.delete(next[0])
      next[1].fn()
    }
    this.#now = end
  }
}

/** Limits that no reply reaches. */
export const NO_LIMITS = { eventBytes: Infinity, replyBytes: Infinity, replyParts: Infinity }

/** Timeouts that never expire. */
export const NO_TIMEOUTS = { headersMs: Infinity, firstDeltaMs: Infinity, idleMs: Infinity }

/** The options of a transport that a test sets, and its limits beside them. */
export type AskingOptions = Partial<Omit<TransportOptions, 'limits'> & ReplyLimits>

/** A disposable transport that ignores the proxies of the environment. */
export function transportFor(options: AskingOptions = {}): Transport & AsyncDisposable {
  const { eventBytes, replyBytes, replyParts } = options
  const transport = openTransport({
    timeouts: NO_TIMEOUTS,
    limits: {
      eventBytes: eventBytes ?? EVENT_BYTES,
      replyBytes: replyBytes ?? REPLY_BYTES,
      replyParts: replyParts ?? REPLY_PARTS,
    },
    usageMs: USAGE_MS,
    newId: randomUUID,
    addressPolicy: 'any',
    clock: systemClock,
    environment: {},
    ...options,
  })
  return Object.assign(transport, { [Symbol.asyncDispose]: () => transport.close() })
}

export function targetAt(url: string, fields: Partial<ProviderTarget> = {}): ProviderTarget {
  return {
    endpoint: 'online',
    url,
    dialect: 'chat-completions',
    apiKey: 'sk-canary-key',
    headers: {},
    direct: false,
    ...fields,
  }
}

/** A request for a reply to `hi`. */
export function requestTo(url: string, fields: Partial<ReplyRequest> = {}): ReplyRequest {
  return {
    target: targetAt(url),
    model: 'm',
    messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }],
    settings: {},
    stream: true,
    ...fields,
  }
}

/** A tool call, joined from its deltas. */
export interface AskedCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
  readonly providerData?: unknown
}

/** One running reply, with every call of its sink. */
export class AskedReply {
  /** The names of the calls, in order. */
  readonly calls: string[] = []
  readonly batches: (readonly ProviderDelta[])[] = []
  end: ReplyEnd | undefined
  error: ErrorRecord | undefined
  handle!: ReplyHandle
  readonly #ended = Promise.withResolvers<this>()
  readonly #started = Promise.withResolvers<void>()
  #wanted: { chars: number; resolve: () => void }[] = []

  /** Resolves when the reply finishes or fails. */
  get ended(): Promise<this> {
    return this.#ended.promise
  }

  get begun(): Promise<void> {
    return this.#started.promise
  }

  get deltas(): readonly ProviderDelta[] {
    return this.batches.flat()
  }

  get text(): string {
    return this.#joined('text')
  }

  get reasoning(): string {
    return this.#joined('reasoning')
  }

  get toolCalls(): readonly AskedCall[] {
    const calls = new Map<string, AskedCall>()
    for (const delta of this.deltas) {
      if (delta.type !== 'tool-call') continue
      const before = calls.get(delta.toolCallId)
      calls.set(delta.toolCallId, {
        id: delta.toolCallId,
        name: delta.toolName,
        arguments: (before?.arguments ?? '') + delta.inputText,
        ...(before?.providerData !== undefined && { providerData: before.providerData }),
        ...(delta.providerData !== undefined && { providerData: delta.providerData }),
      })
    }
    return [...calls.values()]
  }

  /** Resolves once that many characters of text have arrived. */
  chars(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted.push({ chars: count, resolve })
      this.#look()
    })
  }

  readonly sink: ReplySink = {
    started: () => {
      this.calls.push('started')
      this.#started.resolve()
    },
    deltas: (batch) => {
      this.calls.push('deltas')
      this.batches.push(batch)
      this.#look()
    },
    finished: (end) => {
      this.calls.push('finished')
      this.end = end
      this.#ended.resolve(this)
    },
    failed: (error, end) => {
      this.calls.push('failed')
      this.error = error
      this.end = end
      this.#ended.resolve(this)
    },
  }

  #joined(type: 'text' | 'reasoning'): string {
    return this.deltas.map((delta) => (delta.type === type ? delta.text : '')).join('')
  }

  #look(): void {
    const length = this.text.length
    for (const { chars, resolve } of this.#wanted) if (length >= chars) resolve()
    this.#wanted = this.#wanted.filter(({ chars }) => length < chars)
  }
}

/** Starts a reply. */
export function ask(transport: Transport, request: ReplyRequest): AskedReply {
  const asked = new AskedReply()
  asked.handle = transport.reply(request, asked.sink)
  return asked
}

/** Asks with its own transport and waits for the end. */
export async function reply(
  url: string,
  fields: Partial<ReplyRequest> = {},
  options: AskingOptions = {},
): Promise<AskedReply> {
  await using transport = transportFor(options)
  return await ask(transport, requestTo(url, fields)).ended
}
