/**
 * Reads all that a waiting turn is made live from: its row, its input, the reply so far, its calls.
 *
 * Changes nothing. Knows nothing of what a live turn is.
 */
import type { StoredWait } from '../ports/wait-store.ts'
import { unplaced } from '../../reply/delta-schema.ts'
import { callRecord, stepRecord } from './call-row.ts'
import { SELECT_NEWEST_CALLS, SELECT_STEPS } from './calls.ts'
import { integer, json, object, readRow, text } from './checked-row.ts'
import { readableDeltas, SELECT_CHECKPOINTS } from './checkpoints.ts'
import { messageRecord } from './message-row.ts'
import { SELECT_FOLLOWED } from './placed-messages.ts'
import { queuedOptions } from './queued-options.ts'
import type { Connection } from './statement.ts'
import { turnRecord } from './turn-row.ts'
import { SELECT_VISIBLE_TURN } from './turns.ts'
import { ANY_VIEWER, type ViewerParameters } from './visible.ts'

/** Returns `undefined` if the turn does not wait. */
export async function readWait(
  connection: Connection,
  turnId: string,
  viewer: ViewerParameters,
): Promise<StoredWait | undefined> {
  const row = await SELECT_VISIBLE_TURN.first(connection, { id: turnId, ...viewer })
  if (row?.status !== 'waiting') return undefined
  const input = await SELECT_FOLLOWED.one(connection, { id: row.input_message_id })
  const named = { turn_id: turnId }
  const pieces = await SELECT_CHECKPOINTS.all(connection, named)
  const steps = await SELECT_STEPS.all(connection, { ...named, ...ANY_VIEWER })
  const calls = await SELECT_NEWEST_CALLS.all(connection, named)
  return readRow('turn', turnId, () => ({
    turn: turnRecord(row),
    ...(row.owner_id !== null && { ownerId: text(row.owner_id) }),
    input: messageRecord(input),
    place: { branch: integer(input.branch), depth: integer(input.depth) },
    tools: row.tools === null ? [] : Object.keys(object(json(row.tools))),
    options: queuedOptions(row),
    lastSeqs: { content: integer(row.content_seq ?? 0), terminal: integer(row.last_seq ?? 0) },
    deltas: readableDeltas(pieces).map(unplaced),
    pieces: pieces.at(-1)?.n ?? 0,
    steps: steps.map(stepRecord),
    calls: calls.map(callRecord),
  }))
}
