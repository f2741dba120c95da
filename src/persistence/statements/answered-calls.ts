/**
 * Finds a tool result of an input that answers no call of its conversation.
 *
 * Calls are sought from the newest reply backwards, in growing steps: the last reply nearly always
 * has them. Does not decide which results are sent to a provider.
 */
import { ColloquyError } from '../../protocol/errors.ts'
import type { Part } from '../../protocol/message.ts'
import type { MessageRow } from '../schema/schema.ts'
import { literal } from './compile.ts'
import { type Connection, Statement } from './statement.ts'
import { fromJson } from './stored-text.ts'

const FIRST_STEP = 8
const STEP_GROWTH = 4
const LONGEST_SHOWN_ID = 100

export const SELECT_REPLIES_BEFORE = new Statement<
  Pick<MessageRow, 'conversation_id'> & { readonly before: number; readonly limit: number },
  Pick<MessageRow, 'position' | 'parts'>
>((db, { conversation_id, before, limit }) =>
  db
    .selectFrom('message')
    .select(['position', 'parts'])
    .where('conversation_id', '=', conversation_id)
    .where('position', '<', before)
    .where('role', '=', literal('assistant'))
    .orderBy('position', 'desc')
    .limit(limit),
)

/**
 * Returns the error with which the input is refused; `undefined` if each of its results has a call.
 *
 * @param conversationId - as the column has it
 * @param position - that of the input
 */
export async function unansweredRefusal(
  tx: Connection,
  conversationId: string,
  position: number,
  parts: readonly Part[],
): Promise<ColloquyError | undefined> {
  const sought = new Set<string>()
  for (const part of parts) if (part.type === 'tool-result') sought.add(part.toolCallId)
  let before = position
  for (let step = FIRST_STEP; sought.size > 0; step *= STEP_GROWTH) {
    const replies = await SELECT_REPLIES_BEFORE.all(tx, {
      conversation_id: conversationId,
      before,
      limit: step,
    })
    for (const reply of replies) {
      for (const part of fromJson(reply.parts) as readonly Part[]) {
        if (part.type === 'tool-call') sought.delete(part.toolCallId)
      }
      before = reply.position
    }
    if (replies.length < step) break
  }
  const [id] = sought
  return id === undefined ? undefined : noSuchCall(id)
}

function noSuchCall(id: string): ColloquyError {
  const shown = JSON.stringify(id.slice(0, LONGEST_SHOWN_ID))
  return new ColloquyError(
    'invalid-input',
    `send: the tool result for ${shown} answers no call: no reply in this conversation has a call with this id. Give the toolCallId of the call.`,
  )
}
