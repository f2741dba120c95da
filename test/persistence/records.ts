/** Minimal options and records, for the tests and for the processes that they start. */
import type { SqliteStoreOptions } from '../../src/persistence/sqlite/store.ts'
import type { NewConversation } from '../../src/persistence/ports/conversation-store.ts'
import type { TurnAccept, TurnEnd } from '../../src/persistence/ports/turn-store.ts'
import type { Clock } from '../../src/protocol/clock.ts'

export const START = Date.UTC(2026, 0, 1)

export function sqliteOptions(
  database: string,
  options: Partial<SqliteStoreOptions> = {},
): SqliteStoreOptions {
  return {
    database,
    durability: 'full',
    clock: { ...REAL_CLOCK, now: () => START },
    ...options,
  }
}

const REAL_CLOCK: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
}

export function conversation(id: string, fields: Partial<NewConversation> = {}): NewConversation {
  return { id, messages: [], importId: `import-${id}`, at: new Date(START), ...fields }
}

export function accept(
  conversationId: string,
  turnId: string,
  fields: Partial<TurnAccept> = {},
): TurnAccept {
  return {
    turnId,
    conversationId,
    messageId: `input-${turnId}`,
    replyId: `reply-${turnId}`,
    role: 'user',
    parts: [{ type: 'text', text: `question ${turnId}` }],
    at: new Date(START + 1),
    placement: {
      byDefault: 'reject',
      isBusy: false,
      limit: 16,
      options: () => ({}),
      mayJoin: () => false,
      isLive: () => true,
    },
    bind: () => ({ endpoint: 'online', model: 'm' }),
    ...fields,
  }
}

export function end(
  conversationId: string,
  turnId: string,
  fields: Partial<TurnEnd> = {},
): TurnEnd {
  return {
    turnId,
    conversationId,
    status: 'done',
    attempts: 1,
    hasCheckpoints: false,
    replyId: `reply-${turnId}`,
    lastSeqs: { content: 2, terminal: 3 },
    reply: {
      parts: [{ type: 'text', text: `answer ${turnId}` }],
      finishReason: 'stop',
      model: 'm-2026',
    },
    at: new Date(START + 2),
    ...fields,
  }
}
