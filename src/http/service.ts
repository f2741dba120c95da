/**
 * The service behind a handler: every request passes the same checks in the same order, and every failure becomes one
 * kind of answer.
 *
 * The order is host, path and method, origin, `authorize`, limits, content type, body, fields, engine.
 * Nothing is changed before all of them passed. Decides nothing about turns.
 */
import { ColloquyError } from '../protocol/errors.ts'
import type { Engine } from '../index.ts'
import type { Call } from './routes/call.ts'
import { assertKnown, isId } from './requests/fields.ts'
import { Hub } from './streams/hub.ts'
import type { Answer, Incoming } from './requests/incoming.ts'
import type { Identity } from './options/handler-options.ts'
import type { ResolvedOptions } from './options/resolved-options.ts'
import { checkHost, checkOrigin, corsHeaders, preflightHeaders } from './requests/origin.ts'
import { isNamedByBrowser, problemOf } from './refusals/public-errors.ts'
import { Refusal, type RefusalDetails } from './refusals/refusal.ts'
import { checkContentType, readBody } from './requests/request-body.ts'
import { matchRoute, type Matched } from './routes/routes.ts'
import { TurnCounts } from './routes/turn-counts.ts'
import type { PublicErrorCode } from '../protocol/web.ts'

/** A failure as the parts of an answer. */
interface Failure {
  readonly code: PublicErrorCode
  readonly details: RefusalDetails
}

const OWNER_LENGTH = 200
const NO_OWNER =
  'authorize gave no owner: return { owner } with a string of 1 to 200 characters, or undefined for a stranger.'

const NOT_SENDABLE =
  'A Response of authorize or beforeSend cannot be sent: return a new one each time, and never Response.error().'

/** Answers requests, whatever server brings them. */
export class Service {
  readonly #engine: Engine
  readonly #options: ResolvedOptions
  readonly #hub: Hub
  readonly #turns: TurnCounts
  readonly #closing = new AbortController()

  constructor(engine: Engine, options: ResolvedOptions) {
    this.#engine = engine
    this.#options = options
    this.#hub = new Hub(options)
    this.#turns = new TurnCounts(options.limits.turnsPerOwner)
  }

  /** Returns true if the path is below the base path. */
  owns(path: string): boolean {
    return path.startsWith(`${this.#options.basePath}/`)
  }

  /** Never rejects. `undefined` if the client left before its request was complete. */
  async answer(incoming: Incoming): Promise<Answer | undefined> {
    const common = { ...COMMON_HEADERS, ...corsHeaders(this.#options, incoming) }
    let call: Call | undefined
    try {
      const answer = await this.#serve(incoming, (made) => (call = made))
      if (answer === undefined) return undefined
      return { ...answer, headers: { ...common, ...answer.headers } }
    } catch (error) {
      const { code, details } = this.#failureOf(error, call)
      const problem = problemOf(code, details)
      const { retryAfterMs } = problem
      return {
        status: problem.status,
        headers: {
          ...common,
          'content-type': 'application/problem+json; charset=utf-8',
          'colloquy-error': code,
          ...(retryAfterMs !== undefined && {
            'retry-after': String(Math.ceil(retryAfterMs / 1_000)),
          }),
          ...details.headers,
        },
        body: JSON.stringify(problem),
        closesConnection: details.closesConnection,
      }
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#hub.close()
    return Promise.resolve()
  }

  async #serve(incoming: Incoming, note: (call: Call) => void): Promise<Answer | undefined> {
    const options = this.#options
    if (this.#closing.signal.aborted) throw new Refusal('engine-closed')
    checkHost(options, incoming)
    if (!this.owns(incoming.path)) throw new Refusal('route-not-found')
    const matched = matchRoute(options.basePath, incoming.path, incoming.method)
    if (incoming.method === 'OPTIONS') return this.#preflight(incoming, matched)
    const { route } = matched
    if (route === undefined) {
      throw new Refusal('method-not-allowed', { headers: { allow: matched.methods.join(', ') } })
    }
    const changes = route.method !== 'GET'
    checkOrigin(options, incoming, changes ? 'change' : route.isStream === true ? 'stream' : 'read')
    const conversationId = matched.params['id'] ?? ''
    const read = conversationId === '' ? conversationOf(incoming, route.isStream) : conversationId
    // As in a path: `authorize` never sees an id that cannot be one.
    if (read !== '' && !isId(read)) throw new Refusal('conversation-not-found')
    const identity = await this.#identify(incoming, {
      action: route.action === 'list' && read !== '' ? 'read' : route.action,
      ...(read !== '' && { conversationId: read }),
    })
    if (identity instanceof Response) {
      assertSendable(identity)
      return { response: identity, headers: {} }
    }
    const { owner, admin } = identity
    const view = this.#engine.as(owner, { unowned: options.unowned })
    if (route.startsTurn === true) this.#turns.assertRoom(view)
    if (changes) checkContentType(incoming)
    const { limits, clock } = options
    const body = changes ? await readBody(incoming, limits, clock, this.#closing.signal) : {}
    if (body === undefined) return undefined
    assertKnown(body, route.fields ?? [])
    const call: Call = {
      incoming,
      engine: this.#engine,
      options,
      hub: this.#hub,
      turns: this.#turns,
      owner,
      isAdmin: admin === true,
      view,
      body,
      query: incoming.query,
      conversationId,
      params: matched.params,
    }
    note(call)
    const answer = await route.serve(call)
    if ('response' in answer) assertSendable(answer.response)
    // The handler was closed while the engine was asked: the stream has nobody to end it later.
    if (this.#closing.signal.aborted && 'reader' in answer) {
      answer.reader.end({ reason: 'closed', reconnect: true })
    }
    return answer
  }

  #preflight(incoming: Incoming, { methods }: Matched): Answer {
    const allow = [...methods, 'OPTIONS'].join(', ')
    const headers = { allow, ...preflightHeaders(this.#options, incoming, allow) }
    return { status: 204, headers, body: undefined }
  }

  /** @throws `unauthorized`, `internal` */
  async #identify(
    incoming: Incoming,
    attempted: Parameters<ResolvedOptions['authorize']>[1],
  ): Promise<Identity | Response> {
    const identity: unknown = await this.#options.authorize(incoming.asRequest(), attempted)
    if (identity === undefined) throw new Refusal('unauthorized')
    if (identity instanceof Response) return identity
    const { owner } = (identity ?? {}) as Partial<Identity>
    if (typeof owner === 'string' && owner !== '' && owner.length <= OWNER_LENGTH) {
      return identity as Identity
    }
    throw new Refusal('internal', { log: NO_OWNER })
  }

  #failureOf(error: unknown, call: Call | undefined): Failure {
    if (error instanceof Refusal) {
      const { code, details } = error
      if (details.log !== undefined) this.#options.logger.error({ code }, details.log)
      return { code, details }
    }
    if (!(error instanceof ColloquyError)) {
      // The text of an error that is not ours may hold anything. Its name and its place do not.
      const { name, stack } = error instanceof Error ? error : { name: typeof error, stack: '' }
      const frames = stack?.split('\n').filter((line) => /^\s+at /.test(line))
      this.#options.logger.error({ error: name, at: frames?.slice(0, 5) }, 'A request failed.')
      return { code: 'internal', details: {} }
    }
    const { code, retryAfterMs, message } = error
    if (code === 'internal') this.#options.logger.error({ code }, 'A request failed.')
    const isDetailed = this.#options.expose.errors === 'detailed' || call?.isAdmin === true
    const running =
      code === 'turn-running' ? call?.view.runningTurn(call.conversationId) : undefined
    const turnId = running?.id ?? error.turnId
    const isOwnFault = isNamedByBrowser(error) && namesRoute(call)
    return {
      code,
      details: {
        ...(isOwnFault && { status: 400 }),
        ...(turnId !== undefined && { turnId }),
        retryAfterMs: isOwnFault ? undefined : retryAfterMs,
        detail: isDetailed ? message : undefined,
      },
    }
  }
}

/** @throws `internal` for a response of the host that cannot be sent: read already, or an error */
function assertSendable({ status, bodyUsed, body }: Response): void {
  if (status >= 200 && !bodyUsed && body?.locked !== true) return
  throw new Refusal('internal', { log: NOT_SENDABLE })
}

const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'same-origin',
}

/** Returns true if the browser itself named the endpoint or the model. */
function namesRoute(call: Call | undefined): boolean {
  return call?.body['model'] !== undefined || call?.body['endpoint'] !== undefined
}

function conversationOf({ query }: Incoming, isStream: true | undefined): string {
  return isStream === true ? (query.get('conversation') ?? '') : ''
}
