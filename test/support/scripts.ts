/** Ready-made scripts for the provider: what well-behaved and misbehaving providers answer. */
import type { Exchange, Script } from './provider.ts'

/** What a delta of a chunk may hold; anything else may be there too. */
export interface ChunkDelta {
  readonly role?: string
  readonly content?: unknown
  readonly [field: string]: unknown
}

/**
 * One `chat.completion.chunk` with one choice.
 *
 * @param extra - fields of the chunk; `finish_reason` and `index` go into the choice.
 */
export function chunk(delta: ChunkDelta | null, extra: Record<string, unknown> = {}): object {
  const { finish_reason: finishReason = null, index = 0, ...fields } = extra
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'scripted-1',
    choices: [{ index, delta, finish_reason: finishReason }],
    ...fields,
  }
}

export interface StreamedOptions {
  /** The `usage` object of a last chunk without choices. Without it there is no such chunk. */
  readonly usage?: object | undefined
  /** `null`: no chunk has one. @defaultValue `'stop'` */
  readonly finishReason?: string | null | undefined
  /** Sent before the text, in `reasoning_content`. */
  readonly reasoning?: readonly string[] | undefined
  readonly model?: string | undefined
  /** Awaited before each delta (its number, from 0): a test steps a stream without sleeping. */
  readonly gate?: Promise<unknown> | ((n: number) => unknown) | undefined
  /** `false` leaves out `[DONE]`. */
  readonly done?: boolean | undefined
}

/** A proper stream: role, deltas each in a write of its own, finish reason, usage, `[DONE]`. */
export function streamed(texts: readonly string[], options: StreamedOptions = {}): Script {
  return async (exchange) => {
    const { gate, finishReason = 'stop', usage, reasoning = [] } = options
    const model = options.model ?? (exchange.body?.model as string | undefined) ?? 'scripted-1'
    const deltas = [
      ...reasoning.map((text) => ({ reasoning_content: text })),
      ...texts.map((text) => ({ content: text })),
    ]
    exchange.write(chunk({ role: 'assistant', content: '' }, { model }))
    for (const [n, delta] of deltas.entries()) {
      await (typeof gate === 'function' ? gate(n) : gate)
      if (exchange.isClosed) return
      exchange.write(chunk(delta, { model }))
    }
    if (finishReason !== null) exchange.write(chunk({}, { model, finish_reason: finishReason }))
    if (usage !== undefined) exchange.write(chunk(null, { model, choices: [], usage }))
    if (options.done !== false) exchange.write('data: [DONE]\n\n')
    exchange.response.end()
  }
}

/** A delta every few milliseconds until the client leaves. */
export function endless(text = 'word ', everyMs = 3): Script {
  return async (exchange) => {
    exchange.write(chunk({ role: 'assistant', content: '' }))
    const timer = setInterval(() => exchange.write(chunk({ content: text })), everyMs)
    await exchange.closed
    clearInterval(timer)
  }
}

export interface RawOptions {
  readonly status?: number | undefined
  readonly headers?: Record<string, string> | undefined
  /** Awaited before each chunk (its number, from 0). */
  readonly gate?: ((n: number) => unknown) | undefined
  /** `false` leaves the body open; `'cut'` destroys the socket after the last chunk. */
  readonly end?: boolean | 'cut' | undefined
}

/** Sends exactly these pieces, each as a chunk frame of its own, as an event stream by default. */
export function raw(chunks: readonly (string | Uint8Array)[], options: RawOptions = {}): Script {
  return async (exchange) => {
    const { status = 200, headers = { 'content-type': 'text/event-stream' }, gate } = options
    const { response } = exchange
    response.writeHead(status, headers)
    response.flushHeaders()
    for (const [n, piece] of chunks.entries()) {
      await gate?.(n)
      if (exchange.isClosed) return
      await new Promise<void>((resolve) => response.write(piece, () => resolve()))
    }
    if (options.end === 'cut') response.destroy()
    else if (options.end !== false) response.end()
  }
}

/** Answers with one JSON body. */
export function json(
  body: unknown,
  options: { readonly status?: number; readonly headers?: Record<string, string> } = {},
): Script {
  return ({ response }) => {
    const text = JSON.stringify(body)
    response.writeHead(options.status ?? 200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...options.headers,
    })
    response.end(text)
  }
}

/** Accepts the request and never answers. */
export function hang(): Script {
  return (exchange: Exchange) => exchange.closed
}

/** A door that a test opens when it wants the script behind it to go on. */
export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

/** A closed gate: pass `gate.opened` to a script. */
export function closedGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

/** Lets deltas through one by one: `streamed(texts, { gate: steps.gate })`, then `steps.step()`. */
export function steps(): {
  readonly gate: (n: number) => Promise<void>
  readonly step: (count?: number) => void
} {
  const gates: Gate[] = []
  const at = (n: number): Gate => (gates[n] ??= closedGate())
  let opened = 0
  return {
    gate: (n) => at(n).opened,
    step: (count = 1) => {
      for (let i = 0; i < count; i += 1) at(opened++).open()
    },
  }
}
