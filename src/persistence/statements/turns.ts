/** Reads turns by id or by conversation. Knows nothing of how turns are written. */
import type { TurnRow } from '../schema/schema.ts'
import { IS_POSITION } from './positions.ts'
import { Statement } from './statement.ts'

export const SELECT_TURN = new Statement<TurnRow>('select * from turn where id = ?')

export const SELECT_TURNS = new Statement<TurnRow>(
  'select * from turn where conversation_id = ? order by position',
)

export const SELECT_LAST_TURN = new Statement<TurnRow>(`
  select * from turn where conversation_id = ? and ${IS_POSITION('position')}
  order by position desc limit 1`)
