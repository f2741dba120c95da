/**
 * Checks the options of `createEngine`, and fills in the defaults.
 *
 * Knows nothing of the parts that use them. Their meaning is in `options.ts`.
 */
import * as v from 'valibot'
import type { Clock } from '../../protocol/clock.ts'
import { LONGEST_TIMER_MS } from '../../protocol/clock.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { Logger } from '../../protocol/logger.ts'
import { SEND_POLICIES } from '../../protocol/turn.ts'
import type { RequestDispatcher } from '../../transport/http/dispatchers.ts'
import { EVENT_BYTES, REPLY_BYTES, REPLY_PARTS, USAGE_MS } from '../../transport/limits.ts'
import { checked, count, duration, functionValue, group, text } from './check.ts'
import { guardedIds, uuidV7Source } from './ids.ts'
import { guardedLogger, silentLogger, Warnings, warningsLogger } from './logging.ts'
import type { CountTokens, EngineOptions } from './options.ts'
import type { Prepare, PrepareStep } from './prepare.ts'
import { SteadyClock } from './steady-clock.ts'
import { toolbox } from './tool-schemas.ts'
import { systemClock } from './system-clock.ts'

const clock = v.custom<Clock>(
  (value) => hasFunctions(value, ['now', 'setTimeout', 'clearTimeout']),
  'a clock with now, setTimeout and clearTimeout',
)

const logger = v.custom<Logger>(
  (value) => hasFunctions(value, ['debug', 'info', 'warn', 'error']),
  'a logger with debug, info, warn and error',
)

const dispatcher = v.custom<RequestDispatcher>(
  (value) => hasFunctions(value, ['dispatch']),
  'a dispatcher with dispatch',
)

function hasFunctions(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
}

/** A finite wait; 0 does not wait. */
const delay = v.pipe(
  v.number(),
  v.check((ms) => ms >= 0 && ms <= LONGEST_TIMER_MS, 'milliseconds from 0 to 2,147,483,647'),
)

const path = v.pipe(
  text,
  // No system has such files; Node's error for them has no code of ours.
  v.check((value) => !value.includes('\0'), 'a path without NUL'),
)

const encryptionKey = v.union([
  text,
  v.pipe(
    v.instance(Uint8Array),
    v.check((bytes) => bytes.length === 32, 'exactly 32 bytes, or a passphrase'),
  ),
])

const queueLimit = v.pipe(
  v.number(),
  v.check((n) => Number.isSafeInteger(n) && n >= 0 && n <= 1_000, 'a whole number from 0 to 1,000'),
)

function isSize(bytes: number): boolean {
  return bytes === Infinity || (Number.isSafeInteger(bytes) && bytes > 0)
}

const optionsSchema = group({
  database: v.optional(path, 'colloquy.db'),
  readOnly: v.optional(v.boolean(), false),
  emitIntervalMs: v.optional(delay, 100),
  autoTitle: v.optional(v.boolean(), true),
  timeouts: v.optional(
    group({
      headersMs: v.optional(duration, 600_000),
      firstDeltaMs: v.optional(duration, 600_000),
      idleMs: v.optional(duration, 600_000),
      turnMs: v.optional(duration, 3_600_000),
      usageMs: v.optional(delay, USAGE_MS),
      toolMs: v.optional(duration, 60_000),
      approvalMs: v.optional(duration, Infinity),
      toolCloseMs: v.optional(delay, 1_000),
    }),
    {},
  ),
  retry: v.optional(
    group({
      maxAttempts: v.optional(count, 3),
      baseDelayMs: v.optional(delay, 500),
      maxDelayMs: v.optional(delay, 10_000),
    }),
    {},
  ),
  limits: v.optional(
    group({
      eventBytes: v.optional(count, EVENT_BYTES),
      replyBytes: v.optional(count, REPLY_BYTES),
      replyParts: v.optional(count, REPLY_PARTS),
      queuedTurns: v.optional(queueLimit, 16),
      steps: v.optional(count, 20),
      callsPerStep: v.optional(count, 32),
      parallelTools: v.optional(count, 8),
      parallelToolsTotal: v.optional(count, 64),
      toolResultBytes: v.optional(count, 262_144),
      toolInputBytes: v.optional(count, 1_048_576),
    }),
    {},
  ),
  sendPolicy: v.optional(v.picklist(SEND_POLICIES), 'reject'),
  sleepAfterMs: v.optional(duration, 60_000),
  durability: v.optional(v.picklist(['full', 'relaxed']), 'full'),
  secureDelete: v.optional(v.boolean(), false),
  checkpointMs: v.optional(duration, 1_000),
  usageOnCancel: v.optional(v.picklist(['estimate', 'drain', 'none']), 'estimate'),
  drain: v.optional(
    group({
      timeoutMs: v.optional(duration, 30_000),
      bytes: v.optional(v.pipe(v.number(), v.check(isSize, 'bytes, more than 0')), 4 * 1024 ** 2),
    }),
    {},
  ),
  countTokens: v.optional(functionValue<CountTokens>()),
  secrets: v.optional(group({ encryptionKey: v.optional(encryptionKey) }), {}),
  logger: v.optional(logger),
  prepare: v.optional(functionValue<Prepare>()),
  tools: v.optional(toolbox, {}),
  prepareStep: v.optional(functionValue<PrepareStep>()),
  clock: v.optional(clock, () => systemClock),
  random: v.optional(functionValue<() => number>()),
  newId: v.optional(functionValue<() => string>()),
  addressPolicy: v.optional(v.picklist(['any', 'public']), 'any'),
  dispatcher: v.optional(dispatcher),
})

/** The options with their defaults filled in. */
export type ResolvedOptions = ReturnType<typeof resolveOptions>

/** @throws `invalid-option` */
export function resolveOptions(options: EngineOptions) {
  const given = checked(optionsSchema, options, 'createEngine')
  if (given.dispatcher !== undefined && given.addressPolicy === 'public') {
    throw new ColloquyError(
      'invalid-option',
      'createEngine: addressPolicy has no effect together with a dispatcher. Remove it, and let the dispatcher check the addresses that it connects to.',
    )
  }
  const log = guardedLogger(given.logger ?? warningsLogger())
  const steadyClock = new SteadyClock(given.clock, log)
  return {
    ...given,
    retry: { ...given.retry, random: given.random ?? Math.random },
    logger: log,
    warnings: new Warnings(log),
    /** Gets the failures of single turns and requests. The default logger does not: callers learn of them. */
    failureLog: given.logger === undefined ? silentLogger : log,
    /** The host's clock for work that must go on even if that clock throws. */
    steadyClock,
    newId: guardedIds(given.newId ?? uuidV7Source(steadyClock, given.random)),
  }
}
