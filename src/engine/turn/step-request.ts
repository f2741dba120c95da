/**
 * Builds the reply request of a turn from stored messages, the host's `prepare` and the options.
 *
 * Knows nothing of states and attempts, nor of how the request is sent.
 */
import type {
  ConversationStore,
  HistoryMessage,
  Place,
} from '../../persistence/ports/conversation-store.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { Message } from '../../protocol/message.ts'
import type { ReplyRequest } from '../../transport/reply-request.ts'
import type { Route } from '../endpoints/binding.ts'
import { sendableHistory } from '../history/sendable-history.ts'
import type { Prepare, PreparedTurn } from '../options/options.ts'
import type { Bound, TurnRequest } from './turn-request.ts'

/** @throws `prepare-failed`, `invalid-input`, `database-failed` */
export async function replyRequest(
  { turnId, options }: TurnRequest,
  { conversation }: Bound,
  { target, model }: Route,
  input: Message,
  place: Place,
  store: ConversationStore,
  prepare: Prepare | undefined,
): Promise<ReplyRequest> {
  const turn = { turnId, conversation, endpoint: target.endpoint, model }
  const messages =
    prepare === undefined
      ? await history(input, place, store)
      : await prepared(await store.listLine(input.conversationId, place), turn, prepare)
  const sendable = sendableHistory(messages)
  if (sendable.length === 0) throw nothingToSend()
  return {
    target,
    model,
    system: options.system ?? conversation.system,
    messages: sendable,
    settings: { ...conversation.settings, ...withoutUndefined(options.settings ?? {}) },
    tools: options.tools,
    extraBody: options.extraBody,
    stream: true,
  }
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
