/**
 * A transport that is loaded with its first request.
 *
 * undici, ky and the dialects are a third of what an import of the package costs. A process that
 * opens a database to read it, or that shows a window first, does not wait for them.
 */
import type { ReplySink } from '../protocol/delta.ts'
import { ColloquyError, errorRecord } from '../protocol/errors.ts'
import type { HttpTransport } from './http-transport.ts'
import { PendingReply } from './pending-reply.ts'
import type { ProviderTarget } from './provider-target.ts'
import type { ReplyHandle, ReplyRequest } from './reply-request.ts'
import type { Transport, TransportOptions } from './transport.ts'

export function openTransport(options: TransportOptions): Transport {
  return new LazyTransport(options)
}

class LazyTransport implements Transport {
  readonly #options: TransportOptions
  #loaded: HttpTransport | undefined
  #loading: Promise<HttpTransport> | undefined
  #isClosed = false

  constructor(options: TransportOptions) {
    // The environment may change before the first request.
    this.#options = { ...options, environment: { ...(options.environment ?? process.env) } }
  }

  reply(request: ReplyRequest, sink: ReplySink): ReplyHandle {
    if (this.#loaded !== undefined) return this.#loaded.reply(request, sink)
    const pending = new PendingReply()
    this.#load().then(
      (transport) => pending.start(() => transport.reply(request, sink)),
      (error: unknown) => {
        if (!pending.isAborted) sink.failed(errorRecord(error), {})
      },
    )
    return pending
  }

  async listModels(target: ProviderTarget, signal?: AbortSignal): Promise<readonly string[]> {
    const transport = await this.#load()
    return await transport.listModels(target, signal)
  }

  closeConnections(url: string | undefined): void {
    this.#loaded?.closeConnections(url)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    // Requests that wait for it fail with the code of the closed engine. A caller that waits for a
    // transport that cannot be loaded has been told.
    const transport = await this.#loading?.catch(() => undefined)
    await transport?.close()
  }

  #load(): Promise<HttpTransport> {
    this.#loading ??= this.#import()
    return this.#loading
  }

  async #import(): Promise<HttpTransport> {
    const { HttpTransport } = await import('./http-transport.ts').catch(notLoaded)
    const transport = new HttpTransport(this.#options)
    if (this.#isClosed) await transport.close()
    this.#loaded = transport
    return transport
  }
}

/** The usual cause is a bundle, whose mistakes show when a module is loaded. */
function notLoaded(cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause)
  throw new ColloquyError(
    'internal',
    `The HTTP client could not be loaded: ${reason}. If your application is bundled, docs/bundling.md says how.`,
    { cause },
  )
}
