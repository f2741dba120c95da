/**
 * Writes the usage of a cancelled turn, which becomes known only after the turn has ended.
 *
 * Knows nothing of where the figures come from.
 */
import type { Usage } from '../../protocol/message.ts'
import type { ConversationRow, MessageRow, TurnRow } from '../schema/schema.ts'
import type { CostedTurn } from '../ports/turn-store.ts'
import { text } from './checked-row.ts'
import { literal } from './compile.ts'
import { messageRecord, type UsageColumns, usageColumns } from './message-row.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson } from './stored-text.ts'
import { turnRecord } from './turn-row.ts'

interface CostedRow extends TurnRow, Pick<ConversationRow, 'owner_id'> {}

export const UPDATE_TURN = new Statement<Pick<TurnRow, 'id' | 'epoch' | 'usage'>, CostedRow>(
  (db, { id, epoch, usage }) =>
    db
      .updateTable('turn')
      .set({ usage })
      .where('id', '=', id)
      .where('epoch', '=', epoch)
      .where('status', '=', literal('cancelled'))
      .returningAll()
      .returning((of) =>
        of
          .selectFrom('conversation as c')
          .select('c.owner_id')
          .whereRef('c.id', '=', 'turn.conversation_id')
          .as('owner_id'),
      ),
)

export const UPDATE_REPLY = new Statement<UsageColumns & { readonly turn_id: string }, MessageRow>(
  (db, marks) =>
    db
      .updateTable('message')
      .set({
        input_tokens: marks.input_tokens,
        output_tokens: marks.output_tokens,
        reasoning_tokens: marks.reasoning_tokens,
        cache_read_tokens: marks.cache_read_tokens,
        cache_write_tokens: marks.cache_write_tokens,
        usage_raw: marks.usage_raw,
        usage_source: marks.usage_source,
      })
      .where('turn_id', '=', marks.turn_id)
      .where('role', '=', literal('assistant'))
      .returningAll(),
)

/** The job returns `undefined` if this epoch has no cancelled turn with this id. */
export function recordUsageJob(
  turnId: string,
  usage: Usage,
  epoch: number,
): (tx: Connection) => Promise<CostedTurn | undefined> {
  const json = toJson(usage, 'usage')
  const columns = usageColumns(usage)
  return async (tx) => {
    const turn = await UPDATE_TURN.first(tx, { id: turnId, epoch, usage: json })
    if (turn === undefined) return undefined
    const message = await UPDATE_REPLY.first(tx, { ...columns, turn_id: turnId })
    return {
      turn: turnRecord(turn),
      ...(message && { message: messageRecord(message) }),
      ...(turn.owner_id !== null && { ownerId: text(turn.owner_id) }),
    }
  }
}
