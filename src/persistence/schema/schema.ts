/** All tables: their entities for MikroORM, and the types of their rows. Knows no statement. */
import type { InferKyselyTable } from '@mikro-orm/sqlite'
import { Branch, type BranchSchema } from './entities/branch.ts'
import { Call, type CallSchema } from './entities/call.ts'
import { Checkpoint, type CheckpointSchema } from './entities/checkpoint.ts'
import { ConversationField, type ConversationFieldSchema } from './entities/conversation-field.ts'
import { Conversation, type ConversationSchema } from './entities/conversation.ts'
import { Endpoint, type EndpointSchema } from './entities/endpoint.ts'
import { Message, type MessageSchema } from './entities/message.ts'
import { SendKey, type SendKeySchema } from './entities/send-key.ts'
import { Setting, type SettingSchema } from './entities/setting.ts'
import { Step, type StepSchema } from './entities/step.ts'
import { Turn, type TurnSchema } from './entities/turn.ts'

export const ENTITIES = [
  Conversation,
  ConversationField,
  Branch,
  Turn,
  Step,
  Call,
  SendKey,
  Message,
  Checkpoint,
  Endpoint,
  Setting,
]

type ConversationTable = InferKyselyTable<typeof ConversationSchema>
type MessageTable = InferKyselyTable<typeof MessageSchema>

/** The columns of a table as a query returns them, also those that an insert may leave out. */
type RowOf<Table> = {
  -readonly [Column in keyof Table]: Table[Column] extends { readonly __select__: infer Value }
    ? Value
    : Table[Column]
}

export type ConversationRow = RowOf<ConversationTable>
export type ConversationFieldRow = InferKyselyTable<typeof ConversationFieldSchema>
export type BranchRow = InferKyselyTable<typeof BranchSchema>
export type TurnRow = InferKyselyTable<typeof TurnSchema>
export type StepRow = InferKyselyTable<typeof StepSchema>
export type CallRow = InferKyselyTable<typeof CallSchema>
export type SendKeyRow = InferKyselyTable<typeof SendKeySchema>
export type MessageRow = RowOf<MessageTable>
export type EndpointRow = InferKyselyTable<typeof EndpointSchema>
export type CheckpointRow = InferKyselyTable<typeof CheckpointSchema>
export type SettingRow = InferKyselyTable<typeof SettingSchema>

/** The tables by name, with the types of their rows. */
export interface Tables {
  readonly conversation: ConversationTable
  readonly conversation_field: ConversationFieldRow
  readonly branch: BranchRow
  readonly turn: TurnRow
  readonly step: StepRow
  readonly call: CallRow
  readonly send_key: SendKeyRow
  // The database counts `n`, like a column with a default.
  readonly message: Omit<MessageTable, 'n'> & { readonly n: ConversationTable['messages'] }
  readonly checkpoint: CheckpointRow
  readonly endpoint: EndpointRow
  readonly setting: SettingRow
}
