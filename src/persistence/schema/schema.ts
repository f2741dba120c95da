/** All tables: their entities for MikroORM, and the types of their rows. Knows no statement. */
import type { InferKyselyTable } from '@mikro-orm/sqlite'
import { Checkpoint, type CheckpointSchema } from './entities/checkpoint.ts'
import { Conversation, type ConversationSchema } from './entities/conversation.ts'
import { Endpoint, type EndpointSchema } from './entities/endpoint.ts'
import { Message, type MessageSchema } from './entities/message.ts'
import { Setting, type SettingSchema } from './entities/setting.ts'
import { Turn, type TurnSchema } from './entities/turn.ts'

export const ENTITIES = [Conversation, Turn, Message, Checkpoint, Endpoint, Setting]

export type ConversationRow = InferKyselyTable<typeof ConversationSchema>
export type TurnRow = InferKyselyTable<typeof TurnSchema>
export type MessageRow = InferKyselyTable<typeof MessageSchema>
export type EndpointRow = InferKyselyTable<typeof EndpointSchema>
export type CheckpointRow = InferKyselyTable<typeof CheckpointSchema>
export type SettingRow = InferKyselyTable<typeof SettingSchema>

/** The tables by name, with the types of their rows. */
export interface Tables {
  readonly conversation: ConversationRow
  readonly turn: TurnRow
  readonly message: MessageRow
  readonly checkpoint: CheckpointRow
  readonly endpoint: EndpointRow
  readonly setting: SettingRow
}
