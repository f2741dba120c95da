/**
 * The options of a handler after their check, with all defaults.
 *
 * Knows nothing of requests.
 */
import type { Clock, Engine, Logger } from '../../index.ts'
import type {
  AllowOptions,
  Authorize,
  CorsOptions,
  ExposeOptions,
  HandlerOptions,
  HttpLimits,
  Permission,
} from './handler-options.ts'
import {
  defined,
  flag,
  group,
  methods,
  number,
  only,
  origin,
  origins,
  permission,
  record,
  refused,
  strings,
} from './option-checks.ts'

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

/** A logger that fails must not decide what a request is answered. There is no place to report it. */
function guarded(logger: Logger): Logger {
  const guard = (level: keyof Logger) => (details: object, message: string) => {
    try {
      logger[level](details, message)
    } catch {
      // The host's own logger is where this would be told.
    }
  }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
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
    hosts: options.hosts && strings('hosts', options.hosts).map((each) => each.toLowerCase()),
    limits: { ...LIMITS, ...defined(limits) },
    frameMs,
    heartbeatMs,
    unowned: unowned === 'share',
    beforeSend,
    clock: clock ?? systemClock,
    logger: guarded(logger ?? stderrLogger()),
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

function cors(value: unknown): CorsOptions | undefined {
  if (value === undefined) return undefined
  const given = group('cors', value, ['origins', 'credentials', 'maxAge'])
  flag('cors.credentials', given['credentials'])
  number('cors.maxAge', given['maxAge'], 0)
  if (given['origins'] === undefined) throw refused('cors.origins', 'a list of origins')
  origins('cors.origins', given['origins'])
  return given as unknown as CorsOptions
}
