/**
 * Builds the reply request of a turn from stored messages, the host's `prepare` and the options.
 *
 * Knows nothing of states and attempts, nor of how the request is sent.
 */
import type {
  ConversationStore,
  HistoryMessage,
  Place,
} from '../../../persistence/ports/conversation-store.ts'
import { ColloquyError } from '../../../protocol/errors.ts'
import { type Message, type Part, textOf } from '../../../protocol/message.ts'
import type { ToolChoice, ToolDefinitions } from '../../../protocol/tool.ts'
import type { ReplyRequest } from '../../../transport/reply-request.ts'
import type { Route } from '../../endpoints/binding.ts'
import { sendableHistory } from '../../history/sendable-history.ts'
import type { Prepare, PreparedTurn, StepPlan } from '../../options/prepare.ts'
import type { Bound, TurnRequest } from '../request/turn-request.ts'

interface AskedStep {
  readonly request: TurnRequest
  readonly bound: Bound
  readonly route: Route
  readonly input: Message
  readonly place: Place
  readonly store: ConversationStore
  readonly prepare: Prepare | undefined
  readonly step: number
  /** What the host wants otherwise in this step. */
  readonly plan: StepPlan | undefined
  /** The parts of the reply that earlier steps brought. */
  readonly running: readonly Part[]
  /** The tools that are offered. */
  readonly tools: ToolDefinitions | undefined
  readonly toolChoice: ToolChoice | undefined
}

/** @throws `prepare-failed`, `invalid-input`, `database-failed` */
export async function replyRequest(asked: AskedStep): Promise<ReplyRequest> {
  const { input, place, store, prepare, plan = {}, step } = asked
  const { turnId, options } = asked.request
  const { conversation } = asked.bound
  const { target, model } = asked.route
  const turn = { turnId, conversation, endpoint: target.endpoint, model, step }
  const running = runningReply(asked)
  const messages =
    prepare === undefined
      ? [...(await history(input, place, store)), ...running]
      : await prepared(
          [...(await store.listLine(input.conversationId, place)), ...running],
          turn,
          prepare,
        )
  const sendable = sendableHistory(messages)
  if (sendable.length === 0) throw nothingToSend()
  return {
    target,
    model,
    system: plan.system ?? options.system ?? conversation.system,
    messages: sendable,
    settings: {
      ...conversation.settings,
      ...withoutUndefined(options.settings ?? {}),
      ...withoutUndefined(plan.settings ?? {}),
    },
    tools: asked.tools,
    toolChoice: asked.toolChoice,
    parallelToolCalls: options.parallelToolCalls,
    providerTools: options.providerTools,
    extraBody: options.extraBody,
    stream: true,
  }
}

/**
 * The finished steps of the running reply as a message. Counts as complete: signed thoughts go back on
 * steps with calls.
 */
function runningReply({ request, input, running }: AskedStep): readonly Message[] {
  if (running.length === 0) return []
  const { turnId, replyId: id, conversationId } = request
  return [
    {
      id,
      conversationId,
      turnId,
      parentId: input.id,
      position: input.position + 1,
      createdAt: input.createdAt,
      role: 'assistant',
      parts: running,
      text: textOf(running),
      status: 'complete',
    },
  ]
}

async function history(
  input: Message,
  place: Place,
  store: ConversationStore,
): Promise<readonly HistoryMessage[]> {
  // A first message has no history to read.
  if (place.depth === 1) return [input]
  return await store.listHistory(input.conversationId, place)
}

function nothingToSend(): ColloquyError {
  return new ColloquyError(
    'invalid-input',
    'This conversation has nothing that can be sent: no text, no file, and no result of a tool call that was made.',
  )
}

async function prepared(
  stored: readonly Message[],
  turn: PreparedTurn,
  prepare: Prepare,
): Promise<readonly Message[]> {
  let messages: unknown
  try {
    messages = await prepare(stored, turn)
  } catch (cause) {
    throw new ColloquyError('prepare-failed', 'The prepare function of createEngine threw.', {
      cause,
    })
  }
  if (Array.isArray(messages)) return messages as readonly Message[]
  throw new ColloquyError(
    'prepare-failed',
    'The prepare function of createEngine returned no list of messages.',
  )
}

function withoutUndefined<T extends object>(record: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined),
  ) as Partial<T>
}
