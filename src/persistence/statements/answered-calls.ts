/**
 * Finds a tool result of an input that answers no call of the line that the input follows.
 *
 * Calls are sought from the end of the line upwards, in growing steps: the last reply nearly always
 * has them. Does not decide which results are sent to a provider.
 */
import { ColloquyError } from '../../protocol/errors.ts'
import type { Part } from '../../protocol/message.ts'
import type { MessageRow } from '../schema/schema.ts'
import type { NewMessage, Place } from '../ports/conversation-store.ts'
import { literal } from './compile.ts'
import {
  type FirstRange,
  type LineRange,
  messagesOfFirstBranch,
  messagesOfLine,
  readLine,
} from './lines.ts'
import { type Connection, Statement } from './statement.ts'
import { fromJson } from './stored-text.ts'

const FIRST_STEP = 8
const STEP_GROWTH = 4
const LONGEST_SHOWN_ID = 100

type ReplyRow = Pick<MessageRow, 'depth' | 'parts'>

export const SELECT_FIRST_REPLIES = new Statement<FirstRange, ReplyRow>((db, marks) =>
  messagesOfFirstBranch(db, marks)
    .select(['m.depth', 'm.parts'])
    .where('m.role', '=', literal('assistant')),
)

export const SELECT_LINE_REPLIES = new Statement<LineRange, ReplyRow>((db, marks) =>
  messagesOfLine(db, marks)
    .select(['m.depth', 'm.parts'])
    .where('m.role', '=', literal('assistant')),
)

const REPLIES = { inFirstBranch: SELECT_FIRST_REPLIES, inAnyBranch: SELECT_LINE_REPLIES }

/**
 * Returns the error with which the input is refused; `undefined` if each of its results has a call.
 *
 * @param conversationId - as the column has it
 * @param parent - the place of the message that the input follows; absent for a first message
 */
export async function unansweredRefusal(
  tx: Connection,
  conversationId: string,
  parent: Place | undefined,
  parts: readonly Part[],
): Promise<ColloquyError | undefined> {
  const sought = soughtIn(parts)
  let to = parent?.depth ?? 0
  for (let step = FIRST_STEP; sought.size > 0 && to > 0; step *= STEP_GROWTH) {
    const from = Math.max(1, to - step + 1)
    const { branch, depth } = parent as Place
    const range = { conversation_id: conversationId, branch, depth, from, to }
    for (const reply of await readLine(tx, REPLIES, range)) {
      strike(sought, fromJson(reply.parts) as readonly Part[])
    }
    to = from - 1
  }
  return refusalOf(sought)
}

/** The same for an input that its conversation begins with. */
export function unansweredIn(
  messages: readonly NewMessage[],
  parts: readonly Part[],
): ColloquyError | undefined {
  const sought = soughtIn(parts)
  for (const { content } of messages) if (typeof content !== 'string') strike(sought, content)
  return refusalOf(sought)
}

function soughtIn(parts: readonly Part[]): Set<string> {
  const sought = new Set<string>()
  for (const part of parts) if (part.type === 'tool-result') sought.add(part.toolCallId)
  return sought
}

function strike(sought: Set<string>, parts: readonly Part[]): void {
  for (const part of parts) if (part.type === 'tool-call') sought.delete(part.toolCallId)
}

function refusalOf([id]: ReadonlySet<string>): ColloquyError | undefined {
  if (id === undefined) return undefined
  const shown = JSON.stringify(id.slice(0, LONGEST_SHOWN_ID))
  return new ColloquyError(
    'invalid-input',
    `send: the tool result for ${shown} answers no call: no reply on the line of this input has a call with this id. Give the toolCallId of the call.`,
  )
}
