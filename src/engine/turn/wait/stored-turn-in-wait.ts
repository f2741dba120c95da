/**
 * A waiting turn from its rows: what it was asked for, its reply so far, and its binding.
 *
 * It is bound anew when it goes on, by the names it had: a wait may be long, and a key may have changed.
 * Knows nothing of when a turn goes on.
 */
import type { StoredWait } from '../../../persistence/ports/wait-store.ts'
import type { ConversationRecord } from '../../../protocol/conversation.ts'
import { ONLINE } from '../../../protocol/endpoint.ts'
import { ColloquyError } from '../../../protocol/errors.ts'
import { quoted } from '../../../protocol/quoted.ts'
import type { TurnRecord } from '../../../protocol/turn.ts'
import { runsAny } from '../../../tools/toolbox.ts'
import type { Binder } from '../../endpoints/binding.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import { storedProgress } from '../calls/step-call.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { ResumeWish } from '../live-turn/turn-in-wait.ts'
import { fromStored, type Sealer } from '../request/stored-options.ts'
import type { Bound, TurnRequest } from '../request/turn-request.ts'

/** What a waiting turn was asked for. `unusable`: why it cannot be asked any more, if so. */
export function storedRequest(
  { turn, options, input }: StoredWait,
  sealer: Sealer,
): { readonly request: TurnRequest; readonly unusable?: unknown } {
  const { id: turnId, replyId, conversationId, metadata } = turn
  const base = { turnId, replyId, conversationId, inputMessageId: input.id }
  const own = metadata === undefined ? {} : { metadata }
  try {
    // Tools that came with the send are gone. The others are found by their names.
    const given = fromStored(withoutOwnTools(options), turnId, sealer)
    return { request: { ...base, options: { ...given, tools: undefined, ...own } } }
  } catch (unusable) {
    return { request: { ...base, options: own }, unusable }
  }
}

function withoutOwnTools({ open, sealed }: StoredWait['options']): StoredWait['options'] {
  const rest = { ...(Object(open) as Record<string, unknown>), hasOwnTools: undefined }
  return sealed === undefined ? { open: rest } : { open: rest, sealed }
}

/** Takes over the reply so far, the tools and the counts. */
export function takeWait(
  live: LiveTurn,
  stored: StoredWait,
  engine: ResolvedOptions,
  unusable: unknown,
): void {
  const { input, place, steps, calls, deltas, pieces, lastSeqs, turn } = stored
  const tools = new Map(
    stored.tools.flatMap((name) => {
      const tool = engine.tools.get(name)
      return tool === undefined ? [] : [[name, tool] as const]
    }),
  )
  const mostSteps = live.request.options.limits?.steps ?? engine.limits.steps
  live.tools = { tools, areRun: runsAny(tools), steps: mostSteps }
  live.input = input
  live.accepted.resolve(input)
  live.started.resolve()
  const last = steps.at(-1)
  const number = last?.step ?? 1
  const stepsBefore = (steps[0]?.step ?? 1) - 1
  live.restoreCounts(
    steps.slice(0, -1).map(({ usage }) => usage),
    steps.filter(({ finishReason }) => finishReason === 'length').length,
  )
  live.wait = {
    input,
    place,
    stepsBefore,
    pieces,
    unusable,
    step: {
      number,
      attempts: turn.attempts,
      attemptsBefore: turn.attempts - (last?.attempts ?? 0),
      failedAttempts: turn.failedAttempts,
      end: {
        ...(last?.finishReason !== undefined && { finishReason: last.finishReason }),
        ...(last?.usage !== undefined && { usage: last.usage }),
      },
    },
  }
  live.waitRecord = turn
  live.replyFeed.restore(deltas, storedProgress(calls), lastSeqs)
}

export interface Rebinding {
  readonly bound: Bound
  /** Why no provider can be asked; absent if one can. */
  readonly failure?: unknown
}

/**
 * Binds a turn that goes on. Where the answer is a yes, an error refuses it: nothing is changed, and it
 * can be given later.
 *
 * @throws `airplane-mode`, and the errors of `Binder.bind`
 */
export function boundAgain(
  live: LiveTurn,
  {
    turn,
    conversation,
    wish,
  }: {
    readonly turn: TurnRecord
    readonly conversation: ConversationRecord
    readonly wish: ResumeWish
  },
  { binder }: { readonly binder: Binder },
): Rebinding {
  try {
    if (live.wait?.unusable !== undefined) throw live.wait.unusable
    const { endpoint, model } = turn
    if (!binder.allows(endpoint)) throw elsewhere(endpoint)
    const { options } = live.request
    const headersAreFor = options.endpoint ?? conversation.endpoint ?? ONLINE
    const headers = headersAreFor === endpoint ? options.headers : undefined
    const binding = binder.bind({ purpose: 'chat', endpoint, model, conversation, headers })
    return { bound: { ...binding, conversation } }
  } catch (failure) {
    if (wish.aim === 'yes') throw failure
    return { bound: live.bound ?? namesOnly(turn, conversation), failure }
  }
}

/** The names of a turn's route. It is not asked. */
function namesOnly({ endpoint, model }: TurnRecord, conversation: ConversationRecord): Bound {
  return {
    target: { endpoint, url: '', dialect: 'chat-completions', headers: {}, direct: false },
    model,
    fallbacks: [],
    conversation,
  }
}

/** A turn that waited may not go on in airplane mode. */
export function elsewhere(endpoint: string): ColloquyError {
  return new ColloquyError(
    'airplane-mode',
    `Airplane mode is on, and the turn that waits asks the endpoint ${quoted(endpoint)}. Switch the mode off to let it go on, deny the call, or cancel the turn.`,
  )
}
