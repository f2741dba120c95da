/**
 * Requests to the handler, and the errors that they end with.
 *
 * A POST whose answer was lost is repeated under the same key, so nothing is sent twice. Knows nothing
 * of conversations.
 */
import type { Problem, PublicErrorCode } from '../protocol/web.ts'

/** Where the handler is, and how it is asked. */
export interface ClientOptions {
  /** The `basePath` of the handler, with an origin if it is another one. @defaultValue `'/api'` */
  readonly baseUrl?: string | undefined
  /** @defaultValue the global `fetch` */
  readonly fetch?: typeof fetch | undefined
  /** Headers of every request, for example a token. It is called anew for each. */
  readonly headers?: (() => Readonly<Record<string, string>> | Headers) | undefined
  /** Whether cookies are sent to another origin. @defaultValue that of `fetch` */
  readonly credentials?: 'omit' | 'same-origin' | 'include' | undefined
  /** For tests. @defaultValue the system's clock */
  readonly clock?: ClientClock | undefined
}

/** Tells the time and runs timers. */
export interface ClientClock {
  now(): number
  setTimeout(fn: () => void, ms: number): unknown
  clearTimeout(id: unknown): void
}

/** A request that failed. `code` is that of the handler, or `connection-failed` without an answer. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: PublicErrorCode
  /** The HTTP status; 0 without an answer. */
  readonly status: number
  readonly retryAfterMs: number | undefined
  readonly turnId: string | undefined
  readonly field: string | undefined

  constructor(
    problem: Pick<Problem, 'code' | 'status' | 'detail'> & Partial<Problem>,
    options?: ErrorOptions,
  ) {
    super(problem.detail, options)
    this.code = problem.code
    this.status = problem.status
    this.retryAfterMs = problem.retryAfterMs
    this.turnId = problem.turnId
    this.field = problem.field
  }
}

const REPEATS = 3
/** Nobody watches a request for longer. */
const LONGEST_WAIT_MS = 30_000
const systemClock: ClientClock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id as ReturnType<typeof setTimeout>),
}

export class Requests {
  readonly clock: ClientClock
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.#options = options
    this.clock = options.clock ?? systemClock
  }

  async get<Value>(path: string): Promise<Value> {
    return (await this.#checked(await this.fetch('GET', path))) as Value
  }

  async change<Value>(
    method: 'PATCH' | 'DELETE' | 'PUT',
    path: string,
    body: object = {},
  ): Promise<Value> {
    return (await this.#checked(await this.fetch(method, path, { body }))) as Value
  }

  /** Repeats the request under one key while its answer is lost. */
  async post<Value>(path: string, body: object): Promise<Value> {
    const key = crypto.randomUUID()
    for (let repeats = 0; ; repeats += 1) {
      try {
        return (await this.#checked(await this.fetch('POST', path, { body, key }))) as Value
      } catch (error) {
        const { status, retryAfterMs = 0 } = error as ClientError
        const isLost = error instanceof ClientError && /^(0|50[234])$/.test(String(status))
        if (!isLost || repeats === REPEATS || retryAfterMs > LONGEST_WAIT_MS) throw error
        await this.#wait(Math.max(retryAfterMs, 500 * 2 ** repeats * Math.random()))
      }
    }
  }

  /** @throws {@link ClientError} `connection-failed` if no answer came */
  async fetch(
    method: string,
    path: string,
    {
      body,
      key,
      accept,
      signal,
    }: { body?: object; key?: string; accept?: string; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const { baseUrl = '/api', fetch: send = fetch, headers, credentials } = this.#options
    const all = new Headers(headers?.())
    if (body !== undefined) all.set('content-type', 'application/json')
    if (key !== undefined) all.set('idempotency-key', key)
    if (accept !== undefined) all.set('accept', accept)
    try {
      return await send(baseUrl + path, {
        method,
        headers: all,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(credentials !== undefined && { credentials }),
        ...(signal !== undefined && { signal }),
      })
    } catch (cause) {
      throw lost(cause)
    }
  }

  async #checked(response: Response): Promise<unknown> {
    if (!response.ok) throw await errorOf(response)
    if (response.status === 204) return undefined
    if (!hasType(response, 'json')) throw await errorOf(response)
    try {
      return await response.json()
    } catch (cause) {
      throw lost(cause)
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.setTimeout(resolve, ms))
  }
}

/** No answer came, or only a part of it. */
export function lost(cause: unknown): ClientError {
  const detail = 'The server cannot be reached. Check the connection, and try again.'
  return new ClientError({ code: 'connection-failed', status: 0, detail }, { cause })
}

/** Returns false for an answer that something else gave: a sign-in page, or the page of an application. */
export function hasType({ headers }: Response, type: string): boolean {
  return headers.get('content-type')?.includes(type) === true
}

/** The error of an answer, even of one that a proxy made. */
export async function errorOf(response: Response): Promise<ClientError> {
  const { status } = response
  const after = response.headers.get('retry-after') ?? ''
  const ms = /^\d+$/.test(after) ? Number(after) * 1_000 : Date.parse(after) - Date.now()
  const asked = ms >= 0 ? { retryAfterMs: ms } : {}
  const text = await response.text().catch(() => '')
  try {
    const problem = JSON.parse(text) as Problem
    if (typeof problem.code === 'string') return new ClientError({ ...asked, ...problem, status })
  } catch {
    // Not ours: the status is all that is known.
  }
  const detail = response.ok
    ? 'Something else than the handler answered. Check baseUrl, and whether you are signed in.'
    : `The server answered with status ${status}.`
  return new ClientError({ ...asked, code: 'internal', status, detail })
}
