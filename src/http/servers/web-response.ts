/**
 * Requests and answers as `Request` and `Response`, for servers that have these.
 *
 * Knows nothing of routes.
 */
import type { Answer, Incoming, IncomingBody } from '../requests/incoming.ts'
import type { Service } from '../service.ts'
import type { SharedBytes, Sink, StreamSource } from '../streams/sink.ts'

export function webHandler(service: Service): (request: Request) => Promise<Response> {
  return async (request) => {
    const answer = await service.answer(new WebIncoming(request))
    // A client that left gets nothing of this.
    if (answer === undefined) return new Response(null, { status: 400 })
    return responseOf(request, answer)
  }
}

class WebIncoming implements Incoming {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: IncomingBody
  readonly #request: Request
  readonly header: (name: string) => string | undefined

  constructor(request: Request) {
    const { pathname, searchParams, host } = new URL(request.url)
    this.#request = request
    this.method = request.method
    this.path = pathname
    this.query = searchParams
    this.body = new WebBody(request)
    // A Request that a program made has its host in the url only.
    this.header = (name) => request.headers.get(name) ?? (name === 'host' ? host : undefined)
  }

  asRequest(): Request {
    const { url, method, headers } = this.#request
    return new Request(url, { method, headers })
  }
}

class WebBody implements IncomingBody {
  readonly parsed = undefined
  readonly #request: Request

  constructor(request: Request) {
    this.#request = request
  }

  get isGone(): boolean {
    return this.#request.bodyUsed
  }

  async read(take: (bytes: Uint8Array) => boolean, signal: AbortSignal): Promise<boolean> {
    const { body } = this.#request
    if (body === null) return true
    const reader = body.getReader()
    const leave = () => void reader.cancel().catch(() => undefined)
    signal.addEventListener('abort', leave)
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (signal.aborted) return false
        if (done) return true
        if (take(value)) continue
        leave()
        return false
      }
    } catch {
      // The client left, and took the rest of its body with it.
      return false
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }
}

function responseOf(request: Request, answer: Answer): Response {
  if ('reader' in answer) {
    return new Response(streamOf(request, answer.reader), { headers: answer.headers })
  }
  if ('response' in answer) return withHeaders(answer.response, answer.headers)
  const { status, headers, body } = answer
  return new Response(request.method === 'HEAD' ? null : (body ?? null), { status, headers })
}

function withHeaders(made: Response, more: Readonly<Record<string, string>>): Response {
  const headers = new Headers(more)
  for (const [name, value] of made.headers) {
    if (name !== 'set-cookie') headers.set(name, value)
  }
  for (const cookie of made.headers.getSetCookie()) headers.append('set-cookie', cookie)
  const { status, statusText } = made
  return new Response(made.body, { status, statusText, headers })
}

function streamOf(request: Request, reader: StreamSource): ReadableStream<Uint8Array> {
  const left = () => reader.left()
  // A client that left while `authorize` was asked is not told again.
  if (request.signal.aborted) left()
  else request.signal.addEventListener('abort', left, { once: true })
  let sink: WebSink | undefined
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        sink = new WebSink(controller)
        reader.open(sink)
      },
      pull: () => {
        sink?.wasRead()
        reader.drained()
      },
      cancel: left,
    },
    // One chunk: it is asked for more only once all was read.
    { highWaterMark: 1 },
  )
}

class WebSink implements Sink {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>
  #unsent = 0

  constructor(controller: ReadableStreamDefaultController<Uint8Array>) {
    this.#controller = controller
  }

  get unsent(): number {
    return this.#unsent
  }

  /** The server has read all that was written. */
  wasRead(): void {
    this.#unsent = 0
  }

  write({ bare }: SharedBytes): void {
    this.#unsent += bare.byteLength
    this.#controller.enqueue(bare)
  }

  end(): void {
    this.#controller.close()
  }

  destroy(): void {
    this.#controller.error(new DOMException('The reader was too slow.', 'AbortError'))
  }
}
