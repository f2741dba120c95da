/**
 * The options of `createHandler`, their check and their defaults.
 *
 * Knows nothing of requests.
 */
import { ColloquyError } from '../protocol/errors.ts'
import type { Clock, Engine, InputPart, Logger } from '../index.ts'

/** What a request wants to do. `authorize` is asked with it. */
export type Action =
  | 'list'
  | 'read'
  | 'create'
  | 'send'
  | 'stop'
  | 'update'
  | 'delete'
  | 'tool'
  | 'settings'

/** Who sends a request. */
export interface Identity {
  /** The owner, in the host's words, of 1 to 200 characters. Nothing else in a request names it. */
  readonly owner: string
  /** True for those who may read and change the settings of the engine. @defaultValue `false` */
  readonly admin?: boolean | undefined
}

/** Where a request wants to act. */
export interface Attempted {
  readonly action: Action
  readonly conversationId?: string
}

/**
 * Tells who sends a request: an {@link Identity}, `undefined` for nobody (401), or a `Response` that
 * is sent as it is. It is asked on every route, before any body is read: the request has method, url
 * and headers. If it throws, the answer is 500 `internal`.
 */
export type Authorize = (
  request: Request,
  attempted: Attempted,
) => Identity | Response | undefined | Promise<Identity | Response | undefined>

/** Whether a browser may choose a value: always, from a list, or by a function. */
export type Permission<Value> =
  | boolean
  | readonly string[]
  | ((value: Value, owner: string) => boolean)

/** The fields that a browser may choose. All but `files` are `false` by default. */
export interface AllowOptions {
  /** A list names models. `GET /models` lists only what is allowed. */
  readonly model?: Permission<string> | undefined
  /** A list names endpoints. */
  readonly endpoint?: Permission<string> | undefined
  /** The system prompt. A list has whole prompts. */
  readonly system?: Permission<string> | undefined
  /** Settings for the model. A list names fields, like `temperature`. */
  readonly settings?: Permission<Readonly<Record<string, unknown>>> | undefined
  /** Definitions of tools. A list has names of tools. */
  readonly tools?: Permission<Readonly<Record<string, unknown>>> | undefined
  /** Files in an input. A list has media types. @defaultValue `true` */
  readonly files?: Permission<{ readonly mediaType: string; readonly url: string }> | undefined
  /** Metadata of conversations and turns. A list names fields. */
  readonly metadata?: Permission<Readonly<Record<string, unknown>>> | undefined
  /** What a send does while a turn runs. @defaultValue `true` */
  readonly sendPolicy?: Permission<string> | undefined
}

/** What answers show besides the views. Nothing by default. */
export interface ExposeOptions {
  readonly metadata?: boolean | undefined
  /** The names of endpoints. */
  readonly endpoints?: boolean | undefined
  /** `'detailed'` shows the messages of the engine and of providers. */
  readonly errors?: 'detailed' | undefined
}

/** The pages of other origins that may read answers. */
export interface CorsOptions {
  /** Exact origins, like `https://app.example`. */
  readonly origins: readonly string[]
  /** True if they may send cookies. @defaultValue `false` */
  readonly credentials?: boolean | undefined
  /** How long a browser keeps the answer to a preflight, in seconds. @defaultValue 600 */
  readonly maxAge?: number | undefined
}

/** The most that one request, one owner and one reader may take. */
export interface HttpLimits {
  /** The largest body, in bytes. Files come as `data:` urls in it. @defaultValue 1 MiB */
  readonly bodyBytes?: number | undefined
  /** The longest time for a body to arrive, in milliseconds. @defaultValue 30,000 */
  readonly bodyMs?: number | undefined
  /** The most open streams of one owner. @defaultValue 50 */
  readonly streamsPerOwner?: number | undefined
  /** The most open streams. @defaultValue 20,000 */
  readonly streams?: number | undefined
  /** The most turns of one owner that run at once. @defaultValue 50 */
  readonly turnsPerOwner?: number | undefined
  /** The bytes that a slow reader may leave unread before it is passed over. @defaultValue 256 KiB */
  readonly readerBytes?: number | undefined
  /** How long a reader may stay behind before its connection is cut, in milliseconds. @defaultValue 30,000 */
  readonly behindMs?: number | undefined
  /** How long a stream lives before `authorize` is asked again, in milliseconds. @defaultValue 900,000 */
  readonly streamMs?: number | undefined
}

/** An input as a browser sent it, after its check. */
export type BrowserInput = string | readonly InputPart[]

/** The options of `createHandler`. Unknown options are refused with `invalid-option`. */
export interface HandlerOptions {
  /** Tells who sends a request. Required: there is no default that would be safe. */
  readonly authorize: Authorize
  /** The path before the routes, as a browser sees it. @defaultValue `'/api'` */
  readonly basePath?: string | undefined
  /** The fields that a browser may choose. */
  readonly allow?: AllowOptions | undefined
  /** What answers show besides the views. */
  readonly expose?: ExposeOptions | undefined
  /** The origin of the site, like `https://chat.example`. @defaultValue the `Host` of the request */
  readonly publicOrigin?: string | undefined
  /** Further origins whose pages may send requests. They may not read answers: see `cors`. */
  readonly origins?: readonly string[] | undefined
  /** @defaultValue none: no CORS header is ever sent */
  readonly cors?: CorsOptions | undefined
  /** The accepted values of `Host`, with or without a port. @defaultValue any */
  readonly hosts?: readonly string[] | undefined
  readonly limits?: HttpLimits | undefined
  /** The least time between two frames of one conversation, in milliseconds. @defaultValue 33 */
  readonly frameMs?: number | undefined
  /** The silence after which a stream gets a comment, in milliseconds. @defaultValue 15,000 */
  readonly heartbeatMs?: number | undefined
  /** `'share'`: conversations without an owner are everybody's, for hosts with one user. @defaultValue `'hide'` */
  readonly unowned?: 'hide' | 'share' | undefined
  /**
   * Sees each input before it is sent: for moderation, quotas and templates. It returns the input to
   * send, or a `Response` that refuses it.
   */
  readonly beforeSend?:
    | ((
        input: BrowserInput,
        place: { readonly owner: string; readonly conversationId: string },
      ) => BrowserInput | Response | Promise<BrowserInput | Response>)
    | undefined
  /** For tests. @defaultValue the system's clock */
  readonly clock?: Clock | undefined
  /** Gets codes and names of errors, never texts of messages. @defaultValue errors to stderr */
  readonly logger?: Logger | undefined
}

/** The options after their check, with all defaults. */
export interface ResolvedOptions {
  readonly authorize: Authorize
  readonly basePath: string
  readonly allow: Readonly<Required<{ [Name in keyof AllowOptions]: Permission<never> }>>
  readonly expose: ExposeOptions
  readonly publicOrigin: string | undefined
  readonly origins: readonly string[]
  readonly cors: CorsOptions | undefined
  readonly hosts: readonly string[] | undefined
  readonly limits: Readonly<Record<keyof HttpLimits, number>>
  readonly frameMs: number
  readonly heartbeatMs: number
  readonly unowned: boolean
  readonly beforeSend: HandlerOptions['beforeSend']
  readonly clock: Clock
  readonly logger: Logger
}

const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
}

function stderrLogger(): Logger {
  const write = (details: object, message: string) => {
    process.stderr.write(`colloquy/http: ${message} ${JSON.stringify(details)}\n`)
  }
  return { debug() {}, info() {}, warn: write, error: write }
}

const LIMITS: Readonly<Record<keyof HttpLimits, number>> = {
  bodyBytes: 2 ** 20,
  bodyMs: 30_000,
  streamsPerOwner: 50,
  streams: 20_000,
  turnsPerOwner: 50,
  readerBytes: 256 * 1024,
  behindMs: 30_000,
  streamMs: 900_000,
}

const ALLOW = {
  model: false,
  endpoint: false,
  system: false,
  settings: false,
  tools: false,
  files: true,
  metadata: false,
  sendPolicy: true,
} as const

/** @throws `invalid-option` */
export function resolveOptions(engine: Engine, options: HandlerOptions): ResolvedOptions {
  if (typeof (engine as Engine | undefined)?.as !== 'function') {
    throw refused('the first argument', 'an engine, as createEngine returns it')
  }
  const given = record('options', options)
  if (typeof given['authorize'] !== 'function') {
    throw refused(
      'authorize',
      'a function that returns { owner } for a request, or undefined for a stranger',
    )
  }
  only('options', given, Object.keys(KNOWN))
  const limits = group('limits', given['limits'], Object.keys(LIMITS))
  for (const [name, value] of Object.entries(limits)) number(`limits.${name}`, value, 1)
  const allow = group('allow', given['allow'], Object.keys(ALLOW))
  for (const [name, value] of Object.entries(allow)) permission(`allow.${name}`, value)
  const expose = group('expose', given['expose'], ['metadata', 'endpoints', 'errors'])
  flag('expose.metadata', expose['metadata'])
  flag('expose.endpoints', expose['endpoints'])
  if (expose['errors'] !== undefined && expose['errors'] !== 'detailed') {
    throw refused('expose.errors', "'detailed', or absent")
  }
  const { basePath = '/api', publicOrigin, unowned = 'hide', frameMs = 33 } = options
  const { heartbeatMs = 15_000, clock, logger, beforeSend } = options
  if (typeof basePath !== 'string' || !/^(\/[\w.~-]+)*$/.test(basePath)) {
    throw refused('basePath', "a path like '/api', without a slash at its end")
  }
  if (publicOrigin !== undefined) origin('publicOrigin', publicOrigin)
  if (unowned !== 'hide' && unowned !== 'share') throw refused('unowned', "'hide' or 'share'")
  number('frameMs', frameMs, 0)
  number('heartbeatMs', heartbeatMs, 1)
  if (beforeSend !== undefined && typeof beforeSend !== 'function') {
    throw refused('beforeSend', 'a function')
  }
  methods('clock', clock, ['now', 'setTimeout', 'clearTimeout'])
  methods('logger', logger, ['debug', 'info', 'warn', 'error'])
  return {
    authorize: options.authorize,
    basePath,
    allow: { ...ALLOW, ...defined(allow) },
    expose,
    publicOrigin,
    origins: origins('origins', options.origins),
    cors: cors(options.cors),
    hosts: options.hosts === undefined ? undefined : strings('hosts', options.hosts),
    limits: { ...LIMITS, ...defined(limits) },
    frameMs,
    heartbeatMs,
    unowned: unowned === 'share',
    beforeSend,
    clock: clock ?? systemClock,
    logger: logger ?? stderrLogger(),
  }
}

const KNOWN: Readonly<Record<keyof HandlerOptions, true>> = {
  authorize: true,
  basePath: true,
  allow: true,
  expose: true,
  publicOrigin: true,
  origins: true,
  cors: true,
  hosts: true,
  limits: true,
  frameMs: true,
  heartbeatMs: true,
  unowned: true,
  beforeSend: true,
  clock: true,
  logger: true,
}

function refused(name: string, wanted: string): ColloquyError {
  return new ColloquyError('invalid-option', `createHandler: ${name} has to be ${wanted}.`)
}

function record(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>
  }
  throw refused(name, 'an object')
}

function only(name: string, value: object, known: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    throw new ColloquyError(
      'invalid-option',
      `createHandler: ${JSON.stringify(key)} is no field of ${name}. Remove it. Known: ${known.join(', ')}.`,
    )
  }
}

function group(name: string, value: unknown, known: readonly string[]) {
  if (value === undefined) return {}
  const given = record(name, value)
  only(name, given, known)
  return given
}

function defined<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined),
  ) as Partial<Value>
}

function number(name: string, value: unknown, least: number): void {
  if (value === undefined) return
  if (typeof value === 'number' && value >= least) return
  throw refused(name, `a number of at least ${least}`)
}

function flag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw refused(name, 'true or false')
}

function permission(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean' || typeof value === 'function') return
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return
  throw refused(name, 'true, false, a list of strings, or a function')
}

function strings(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
  throw refused(name, 'a list of strings')
}

function origin(name: string, value: unknown): void {
  if (typeof value === 'string' && URL.parse(value)?.origin === value) return
  throw refused(name, 'an origin like https://chat.example, without a path')
}

function origins(name: string, value: unknown): readonly string[] {
  if (value === undefined) return []
  const list = strings(name, value)
  for (const each of list) origin(name, each)
  return list
}

function cors(value: unknown): CorsOptions | undefined {
  if (value === undefined) return undefined
  const given = group('cors', value, ['origins', 'credentials', 'maxAge'])
  flag('cors.credentials', given['credentials'])
  number('cors.maxAge', given['maxAge'], 0)
  if (given['origins'] === undefined) throw refused('cors.origins', 'a list of origins')
  origins('cors.origins', given['origins'])
  return given as unknown as CorsOptions
}

function methods(name: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return
  const given = value as Readonly<Record<string, unknown>> | null
  if (names.every((each) => typeof given?.[each] === 'function')) return
  throw refused(name, `an object with the methods ${names.join(', ')}`)
}
