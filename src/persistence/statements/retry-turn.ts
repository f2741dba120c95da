/**
 * Writes the beginning of a turn on the input of the conversation's last turn, in one transaction.
 *
 * The head of the conversation stays: an earlier reply counts until the new turn leaves its own.
 * Knows nothing of that reply, and nothing of how `bind` chooses an endpoint and a model.
 */
import { ColloquyError } from '../../protocol/errors.ts'
import type { MessageRow, TurnRow } from '../schema/schema.ts'
import type { TurnRetry } from '../ports/turn-store.ts'
import { type Acceptance, boundIn, INSERT_TURN, SELECT_ACCEPTING } from './accept-turn.ts'
import { literal } from './compile.ts'
import { TOUCH } from './conversations.ts'
import { assertNewest } from './epoch.ts'
import { messageRecord } from './message-row.ts'
import { GREATEST_POSITION, nextPosition } from './positions.ts'
import { type Connection, Statement } from './statement.ts'
import { toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'

export const SELECT_LAST_INPUT = new Statement<Pick<TurnRow, 'conversation_id'>, MessageRow>(
  (db, { conversation_id }) =>
    db
      .selectFrom('turn')
      .innerJoin('message', 'message.id', 'turn.input_message_id')
      .selectAll('message')
      .where('turn.conversation_id', '=', conversation_id)
      .where('turn.position', '<=', GREATEST_POSITION)
      .orderBy('turn.position', 'desc')
      .limit(literal(1)),
)

/**
 * The job writes the turn and returns its input, or `undefined` if there is no such conversation.
 */
export function retryTurnJob(
  retry: TurnRetry,
  epoch: number,
): (tx: Connection) => Promise<Acceptance | undefined> {
  const conversationId = toText(retry.conversationId)
  const metadata = toJsonOrNull(retry.metadata, 'metadata')
  const at = retry.at.getTime()
  return async (tx) => {
    const conversation = await SELECT_ACCEPTING.first(tx, { id: conversationId })
    if (conversation === undefined) return undefined
    assertNewest(conversation.epoch, epoch)
    const input = await SELECT_LAST_INPUT.first(tx, { conversation_id: conversationId })
    if (input === undefined) return { refusal: nothingToRetry() }
    const bound = boundIn(conversation, retry)
    if ('refusal' in bound) return bound
    await INSERT_TURN.run(tx, {
      id: retry.turnId,
      conversation_id: conversationId,
      position: nextPosition(conversation.turn_position, retry.conversationId),
      input_message_id: input.id,
      reply_id: retry.replyId,
      epoch,
      idempotency_key: toTextOrNull(retry.idempotencyKey),
      endpoint: toText(bound.endpoint),
      model: toText(bound.model),
      metadata,
      started_at: at,
    })
    await TOUCH.run(tx, { id: conversationId, updated_at: at })
    return { message: messageRecord(input) }
  }
}

function nothingToRetry(): ColloquyError {
  return new ColloquyError(
    'nothing-to-retry',
    'There is no turn in this conversation to retry. Send an input first.',
  )
}
