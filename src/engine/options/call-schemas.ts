/**
 * The schemas of the options that each call takes. Unknown options are refused, never ignored.
 *
 * Knows nothing of what an option does.
 */
import * as v from 'valibot'
import { LONGEST_TIMER_MS } from '../../protocol/clock.ts'
import { LONGEST_FIELD, MOST_FIELDS } from '../../protocol/conversation.ts'
import { MODEL_PURPOSES } from '../../protocol/endpoint.ts'
import { SEND_POLICIES } from '../../protocol/turn.ts'
import { abortSignal, headers, json, settings, text, extraBody, group, record } from './check.ts'
import { toolEntries, toolNames } from './tool-schemas.ts'

const MAX_ID_LENGTH = 200
/** A reason is told to the model. */
const LONGEST_REASON = 2_000

/** An id or a name that the host makes up. */
export const chosenId = v.pipe(
  text,
  v.check((value) => value.length <= MAX_ID_LENGTH, `at most ${MAX_ID_LENGTH} characters`),
)
/** An owner, in the host's words. */
export const ownerId = chosenId
const signal = v.optional(abortSignal)
const metadata = v.optional(json)
const sendPolicy = v.optional(v.picklist(SEND_POLICIES))

export const conversationOptions = group({
  id: v.optional(chosenId),
  title: v.optional(text),
  model: v.optional(text),
  endpoint: v.optional(text),
  system: v.optional(v.string()),
  settings: v.optional(settings),
  ownerId: v.optional(ownerId),
  metadata,
  tools: v.optional(toolNames),
  messages: v.optional(v.array(v.unknown())),
  sendPolicy,
})

const turnEntries = {
  signal,
  model: v.optional(text),
  system: v.optional(v.string()),
  endpoint: v.optional(text),
  settings: v.optional(settings),
  extraBody: v.optional(extraBody),
  headers: v.optional(headers),
  metadata,
  idempotencyKey: v.optional(chosenId),
  ...toolEntries,
}

/** Of the calls that answer or follow another message than the head. */
const policyBeside = v.optional(v.picklist(['reject', 'replace']))

/** Of `regenerate`, which has its input. */
export const turnOptions = group({ ...turnEntries, sendPolicy: policyBeside })

export const retryOptions = group({
  ...turnEntries,
  sendPolicy: policyBeside,
  from: v.optional(v.picklist(['start', 'last-step']), 'last-step'),
})

const editEntries = { ...turnEntries, clientId: v.optional(chosenId) }
export const editOptions = group({ ...editEntries, sendPolicy: policyBeside })

/** The options of a queued turn that its row has. */
export const queuedOptions = group({
  model: turnEntries.model,
  system: turnEntries.system,
  endpoint: turnEntries.endpoint,
  settings: turnEntries.settings,
  extraBody: turnEntries.extraBody,
  tools: turnEntries.tools,
  toolChoice: turnEntries.toolChoice,
  parallelToolCalls: turnEntries.parallelToolCalls,
  providerTools: turnEntries.providerTools,
  limits: turnEntries.limits,
  hasOwnTools: v.optional(v.boolean()),
  hasHeaders: v.optional(v.boolean()),
})

/** The headers of a queued turn, after they were unsealed. */
export const queuedHeaders = headers

export const sendOptions = group({
  ...editEntries,
  sendPolicy,
  parentId: v.nullish(text),
  startWith: v.optional(conversationOptions),
})

export const conversationUpdate = group({
  title: v.nullish(text),
  model: v.nullish(text),
  endpoint: v.nullish(text),
  system: v.nullish(v.string()),
  settings: v.nullish(settings),
  ownerId: v.nullish(ownerId),
  metadata: v.nullish(json),
  sendPolicy: v.nullish(v.picklist(SEND_POLICIES)),
  tools: v.nullish(toolNames),
})

/** As many as one page has. */
const LONGEST_PAGE = 500
const pageLimit = v.optional(
  v.pipe(
    v.number(),
    v.check(
      (n) => Number.isSafeInteger(n) && n > 0 && n <= LONGEST_PAGE,
      `a whole number from 1 to ${LONGEST_PAGE}`,
    ),
  ),
)

const time = v.custom<Date>(
  (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  'a valid Date',
)
/** A record of a conversation is one: its other fields do not count. */
const place = v.object({ id: text, updatedAt: time, createdAt: time })

const field = v.union(
  [v.boolean(), v.pipe(v.number(), v.finite()), v.pipe(v.string(), v.maxLength(LONGEST_FIELD))],
  `a boolean, a number or a string of at most ${LONGEST_FIELD} characters`,
)

export const listOptions = group({
  ownerId: v.optional(ownerId),
  limit: pageLimit,
  after: v.optional(place),
  before: v.optional(place),
  order: v.optional(v.picklist(['activity', 'created'])),
  archived: v.optional(v.union([v.boolean(), v.literal('any')], "true, false or 'any'")),
  where: v.optional(
    record(
      (names) => names.length <= MOST_FIELDS && names.every((name) => name.length <= LONGEST_FIELD),
      `at most ${MOST_FIELDS} fields with names of at most ${LONGEST_FIELD} characters`,
      field,
    ),
  ),
})

export const messageListOptions = group({
  limit: pageLimit,
  before: v.optional(text),
  after: v.optional(text),
  through: v.optional(text),
})

export const forkOptions = group({
  title: v.optional(text),
  ownerId: v.optional(ownerId),
  metadata,
})

export const cancelOptions = group({
  turnId: v.optional(text),
  queued: v.optional(v.picklist(['hold', 'run', 'cancel']), 'hold'),
})

export const resumeOptions = group({ first: v.optional(text) })

export const completionOptions = group({
  prompt: text,
  system: v.optional(v.string()),
  purpose: v.optional(v.picklist(['chat', 'title']), 'chat'),
  endpoint: v.optional(text),
  model: v.optional(text),
  settings: v.optional(settings, {}),
  signal,
})

export const modelsOptions = group({ signal })

export const closeOptions = group({
  running: v.optional(v.picklist(['cancel', 'wait']), 'cancel'),
  timeoutMs: v.optional(
    v.pipe(
      v.number(),
      v.check((ms) => ms >= 0 && ms <= LONGEST_TIMER_MS, 'milliseconds, 0 or more'),
    ),
  ),
})

export const modelPurpose = v.picklist(MODEL_PURPOSES)
export const modelName = v.nullable(text)
export const switchPosition = v.boolean()
export const conversationId = v.string()
export const optionalId = v.optional(v.string())
export const turnId = v.string()
export const callId = v.string()
export const decision = group({
  approved: v.boolean(),
  reason: v.optional(
    v.pipe(v.string(), v.maxLength(LONGEST_REASON, `at most ${LONGEST_REASON} characters`)),
  ),
  input: v.optional(json),
  by: v.optional(ownerId),
})
export const waitingCallList = group({
  conversationId: v.optional(v.string()),
  ownerId: v.optional(ownerId),
  limit: pageLimit,
})
export const supplied = v.union(
  [group({ output: json }), group({ error: text })],
  'either { output } or { error }',
)
export const isArchived = v.boolean()
export const messageId = v.string()
export const viewOptions = group({ unowned: v.optional(v.boolean(), false) })

export const eventOptions = group({
  conversationId: v.optional(v.string()),
  ownerId: v.optional(ownerId),
  content: v.optional(
    v.union(
      [v.boolean(), v.picklist(['deltas', 'snapshots'])],
      "true, false, 'deltas' or 'snapshots'",
    ),
  ),
})

export const endpointName = v.optional(text)
export const observer = v.custom<object>(
  (value) => typeof value === 'function' || (typeof value === 'object' && value !== null),
  'a function, or an object with next',
)
