/** Asks a transport for replies and notes everything it tells. */
import type { Clock } from '../../src/protocol/clock.ts'
import type { Delta, ReplyEnd, ReplySink } from '../../src/protocol/delta.ts'
import type { ErrorRecord } from '../../src/protocol/errors.ts'
import type { ProviderTarget } from '../../src/transport/provider-target.ts'
import type { ReplyHandle, ReplyRequest } from '../../src/transport/reply-request.ts'
import { openTransport } from '../../src/transport/transport.ts'
import type { Transport, TransportOptions } from '../../src/transport/transport.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
}

/** A clock that stands still until it is told otherwise. */
export class ManualClock implements Clock {
  #now = 1_700_000_000_000
  #nextId = 1
  readonly #timers = new Map<number, { at: number; fn: () => void }>()

  /** How many timers are waiting. */
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

/** Waits for ever. */
export const NO_TIMEOUTS = { headersMs: Infinity, firstDeltaMs: Infinity, idleMs: Infinity }

/** Disposable, without proxies from the machine the tests run on. */
export function transportFor(options: Partial<TransportOptions> = {}): Transport & AsyncDisposable {
  const transport = openTransport({
    timeouts: NO_TIMEOUTS,
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

/** A tool call, added up. */
export interface AskedCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
  readonly providerData?: unknown
}

/** One reply under way, and all that its sink heard. */
export class WireRequestInfo {
  /** What was called, in order, without the deltas' contents. */
  readonly calls: string[] = []
  readonly batches: (readonly Delta[])[] = []
  end: ReplyEnd | undefined
  error: ErrorRecord | undefined
  handle!: ReplyHandle
  readonly #ended = Promise.withResolvers<this>()
  readonly #started = Promise.withResolvers<void>()
  #wanted: { chars: number; resolve: () => void }[] = []

  /** Resolves at the end, whichever it is. */
  get ended(): Promise<this> {
    return this.#ended.promise
  }

  get begun(): Promise<void> {
    return this.#started.promise
  }

  get deltas(): readonly Delta[] {
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

  /** Resolves once that much text has arrived. */
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

/** Asks, and returns at once. */
export function ask(transport: Transport, request: ReplyRequest): WireRequestInfo {
  const asked = new WireRequestInfo()
  asked.handle = transport.reply(request, asked.sink)
  return asked
}

/** Asks with a transport of its own and waits for the end. */
export async function reply(
  url: string,
  fields: Partial<ReplyRequest> = {},
  options: Partial<TransportOptions> = {},
): Promise<WireRequestInfo> {
  await using transport = transportFor(options)
  return await ask(transport, requestTo(url, fields)).ended
}
