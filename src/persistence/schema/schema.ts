/** All tables: their entities for MikroORM, and the types of their rows. Knows no statement. */
import type { InferKyselyTable } from '@mikro-orm/sqlite'
import { Checkpoint } from './entities/checkpoint.ts'
import { Conversation, type ConversationSchema } from './entities/conversation.ts'
import { Endpoint, type EndpointSchema } from './entities/endpoint.ts'
import { Message, type MessageSchema } from './entities/message.ts'
import { Setting } from './entities/setting.ts'
import { Turn, type TurnSchema } from './entities/turn.ts'

export const ENTITIES = [Conversation, Turn, Message, Checkpoint, Endpoint, Setting]

export type ConversationRow = InferKyselyTable<typeof ConversationSchema>
export type TurnRow = InferKyselyTable<typeof TurnSchema>
export type MessageRow = InferKyselyTable<typeof MessageSchema>
export type EndpointRow = InferKyselyTable<typeof EndpointSchema>
