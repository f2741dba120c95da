/**
 * How the database finds the rows of each statement whose number grows with use, in a filled
 * database: by an index that is named here, without a scan of a table and without sorting.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { beforeAll, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../../src/persistence/sqlite/store.ts'
import * as accept from '../../../src/persistence/statements/accept-turn.ts'
import * as queue from '../../../src/persistence/statements/queue.ts'
import * as queueTurn from '../../../src/persistence/statements/queue-turn.ts'
import * as accepting from '../../../src/persistence/statements/accepting.ts'
import * as calls from '../../../src/persistence/statements/answered-calls.ts'
import * as branches from '../../../src/persistence/statements/branches.ts'
import {
  listStatement,
  type Shape,
} from '../../../src/persistence/statements/conversation-lists.ts'
import * as conversations from '../../../src/persistence/statements/conversations.ts'
import * as deletions from '../../../src/persistence/statements/delete-conversation.ts'
import * as ends from '../../../src/persistence/statements/end-turn.ts'
import * as forks from '../../../src/persistence/statements/fork-conversation.ts'
import * as heads from '../../../src/persistence/statements/heads.ts'
import * as messages from '../../../src/persistence/statements/messages.ts'
import * as placed from '../../../src/persistence/statements/placed-messages.ts'
import * as recovery from '../../../src/persistence/statements/recovery.ts'
import * as regenerations from '../../../src/persistence/statements/regenerate-turn.ts'
import * as siblings from '../../../src/persistence/statements/siblings.ts'
import type { Runnable } from '../../../src/persistence/statements/statement.ts'
import * as parts from '../../../src/persistence/statements/turn-parts.ts'
import * as turns from '../../../src/persistence/statements/turns.ts'
import * as waiting from '../../../src/persistence/statements/waiting-calls.ts'
import * as waitingRecovery from '../../../src/persistence/statements/waiting-recovery.ts'
import { sqliteOptions } from '../records.ts'

const BY_ID = 'sqlite_autoindex_conversation_1'
const BY_TURN = 'sqlite_autoindex_turn_1'
const BY_BRANCH = 'sqlite_autoindex_branch_1'
const BY_STEP = 'sqlite_autoindex_step_1'
const BY_CHECKPOINT = 'sqlite_autoindex_checkpoint_1'
const BY_KEY = 'sqlite_autoindex_send_key_1'
const LINE = [BY_BRANCH, BY_BRANCH]
const TWO_FIELDS = 'list by fields, two of them'
/** Lists that are sorted, since they cost what they match. */
const SORTED = ['list by fields', TWO_FIELDS, 'waiting, of an owner']
const LINE_OF_MESSAGES = [...LINE, 'message_place']

/** Each statement with the indexes of its plan, in the order of the plan. */
const PLANS: readonly (readonly [string, Runnable, readonly string[]])[] = [
  [
    'accept',
    accepting.SELECT_ACCEPTING,
    [BY_ID, 'message_place', 'sqlite_autoindex_setting_1', 'turn_queued', 'turn_waiting'],
  ],
  ['a queue', queue.SELECT_QUEUE, [BY_ID, 'turn_queued']],
  ['a count', queue.COUNT_ALL_QUEUED, ['turn_queued', BY_ID]],
  ['a count', queue.COUNT_QUEUED_OF_OWNER, ['conversation_owner_created', 'turn_queued']],
  ['a queue', queue.SELECT_QUEUED_CONVERSATIONS, ['turn_queued', BY_ID]],
  [
    'a queue',
    queue.SELECT_QUEUED_INPUTS,
    ['turn_queued', 'message_id', 'message_id', 'message_id'],
  ],
  ['a queue', queue.SELECT_INPUTS, [BY_TURN, 'message_id', 'message_id', 'message_id']],
  ['a queue', queue.SELECT_QUEUE_ORDER, ['turn_queued']],
  ['a queue', queue.SELECT_QUEUED_TURN, [BY_TURN, BY_ID]],
  ['a queue', queueTurn.SELECT_QUEUE_SIZE, ['turn_queued']],
  ['a queue', queueTurn.SELECT_FIRST_QUEUED, ['turn_queued']],
  ['a queue', queueTurn.SELECT_LAST_QUEUED, ['turn_queued']],
  ['accept', accept.SELECT_CLIENT_ID, ['message_client_id']],
  ['accept', heads.MOVE_TO_INPUT, [BY_ID]],
  ['accept', placed.SELECT_FOLLOWED, ['message_id', 'message_place']],
  ['end', ends.END_TURN, [BY_TURN, BY_ID, BY_ID, BY_ID]],
  ['end', heads.MOVE_TO_REPLY, [BY_ID]],
  ['end', branches.ACTIVATE, [BY_BRANCH, BY_BRANCH]],
  ['history', messages.SELECT_FIRST_HISTORY, ['message_place']],
  ['history', messages.SELECT_LINE_HISTORY, LINE_OF_MESSAGES],
  ['page', messages.SELECT_FIRST_MESSAGES, ['message_place']],
  ['page', messages.SELECT_LINE_MESSAGES, LINE_OF_MESSAGES],
  ['page', placed.SELECT_PLACED, ['message_id', BY_ID]],
  [
    'page',
    siblings.SELECT_SIBLINGS,
    [...LINE, 'branch_fork', 'message_place', 'message_place', 'branch_fork', 'message_place'],
  ],
  ['page', branches.SELECT_BRANCHES_BELOW, [BY_BRANCH, 'branch_fork', 'message_place']],
  ['page', branches.SELECT_TIP, ['message_place']],
  [
    'branches',
    siblings.SELECT_SIBLING_MESSAGES,
    [
      ...LINE,
      'branch_fork',
      'message_place',
      'message_id',
      'message_place',
      'message_id',
      'branch_fork',
      'message_place',
      'message_id',
    ],
  ],
  ['calls', calls.SELECT_FIRST_REPLIES, ['message_place']],
  ['calls', calls.SELECT_LINE_REPLIES, LINE_OF_MESSAGES],
  ['retry', regenerations.SELECT_FIRST_ROLES, ['message_place']],
  ['retry', regenerations.SELECT_LINE_ROLES, LINE_OF_MESSAGES],
  ['fork', forks.SELECT_LINE_NUMBERS, LINE_OF_MESSAGES],
  ['fork', forks.COPY_MESSAGE, ['INTEGER PRIMARY KEY']],
  ['key', parts.SELECT_KEYED_TURN, [BY_KEY, BY_TURN, BY_ID]],
  ['turn', turns.SELECT_LAST_TURN, [BY_ID, 'turn_position']],
  ['reply', messages.SELECT_REPLY, ['message_reply']],
  ...listPlans(),
  ...fieldPlans(),
  ['conversation', conversations.SELECT_VISIBLE, [BY_ID]],
  ['turns', turns.SELECT_TURNS, [BY_ID, 'turn_position']],
  ['turn', turns.SELECT_VISIBLE_TURN, [BY_TURN, BY_ID]],
  ['archive', conversations.ARCHIVE_CONVERSATION, [BY_ID]],
  [
    'delete',
    deletions.DELETE_SMALL,
    // Those of the rows that go with it follow.
    [
      BY_ID,
      'message_place',
      'sqlite_autoindex_conversation_field_1',
      BY_KEY,
      BY_BRANCH,
      'turn_position',
    ],
  ],
  ['delete', deletions.MARK_DELETED, [BY_ID]],
  ['delete', deletions.DELETE_MESSAGES, ['message_place', 'INTEGER PRIMARY KEY']],
  [
    'delete',
    deletions.DELETE_TURNS,
    ['turn_position', 'turn_position', 'call_place', BY_STEP, BY_CHECKPOINT],
  ],
  ['waiting', waiting.SELECT_ALL_WAITING, ['call_waiting', BY_TURN, BY_ID]],
  [
    'waiting, of an owner',
    waiting.SELECT_WAITING_OF_OWNER,
    [
      'conversation_owner_created',
      'turn_waiting',
      'call_place',
      'turn_running',
      BY_ID,
      'call_place',
    ],
  ],
  [
    'waiting',
    waiting.SELECT_WAITING_IN,
    [BY_ID, BY_TURN, 'turn_waiting', 'turn_running', 'call_place'],
  ],
  ['waiting', waiting.SELECT_WAITING_TURN, [BY_ID, 'turn_waiting']],
  ['waiting', waiting.SELECT_EXPIRED, ['call_expiring']],
  ['opening', waiting.SELECT_NEXT_EXPIRY, ['call_expiring']],
  ['opening', waitingRecovery.EXPIRE_ALL, ['call_expiring']],
  ['opening', deletions.SELECT_DELETED, ['conversation_deleted']],
  ['recovery', recovery.SELECT_RECOVERING, [BY_TURN, BY_ID, 'message_place', 'message_reply']],
]

/** Every list without fields: each of its orders is that of an index. */
function listPlans(): (readonly [string, Runnable, readonly string[]])[] {
  const live = { any: 'conversation_activity', own: 'conversation_owner_activity' }
  const archive = { any: 'conversation_archived', own: 'conversation_owner_archived' }
  const created = { any: 'conversation_created', own: 'conversation_owner_created' }
  const shapes = (['any', 'own', 'shared'] as const).flatMap((owners) =>
    [false, true].map((isUpwards) => ({ owners, isUpwards, fields: 0 })),
  )
  return shapes.flatMap((shape) => {
    const owners = shape.owners === 'own' ? 'own' : 'any'
    const plan = (rest: Pick<Shape, 'order' | 'archived'>, indexes: readonly string[]) =>
      ['list', listStatement({ ...shape, ...rest }), indexes] as const
    return [
      plan({ order: 'updated_at', archived: false }, [live[owners]]),
      plan({ order: 'updated_at', archived: true }, [archive[owners]]),
      plan({ order: 'updated_at', archived: 'any' }, [live[owners], archive[owners]]),
      ...([false, true, 'any'] as const).map((archived) =>
        plan({ order: 'created_at', archived }, [created[owners]]),
      ),
    ]
  })
}

/** Every list by fields: found by the first of them, and sorted, since it costs what that matches. */
function fieldPlans(): (readonly [string, Runnable, readonly string[]])[] {
  const shapes = (['any', 'own', 'shared'] as const).flatMap((owners) =>
    (['updated_at', 'created_at'] as const).flatMap((order) =>
      ([false, true, 'any'] as const).flatMap((archived) =>
        [false, true].map((isUpwards) => ({ owners, order, archived, isUpwards })),
      ),
    ),
  )
  return shapes.flatMap((shape) => [
    [
      'list by fields',
      listStatement({ ...shape, fields: 1 }),
      ['conversation_field_value', BY_ID],
    ] as const,
    [
      TWO_FIELDS,
      listStatement({ ...shape, fields: 2 }),
      ['conversation_field_value', BY_ID],
    ] as const,
  ])
}

/** A page near the end of a line, for a database that plans by the values. */
const VALUES: Readonly<Record<string, number>> = { branch: 20, depth: 41, from: 31, to: 40 }

const CONVERSATIONS = 60
const MESSAGES = 60

/** Conversations of one branch, and some with many. */
function fill(database: Database.Database): void {
  const insert = (table: string, row: Readonly<Record<string, string | number | null>>) =>
    database
      .prepare(
        `insert into ${table} (${Object.keys(row).join()}) values (${Object.keys(row)
          .map(() => '?')
          .join()})`,
      )
      .run(...Object.values(row))
  database.transaction(() => {
    for (let c = 0; c < CONVERSATIONS; c += 1) {
      const conversation_id = `c${c}`
      const others = c % 3 === 0 ? 20 : 0
      insert('conversation', {
        id: conversation_id,
        owner_id: `owner ${c % 7}`,
        head_depth: MESSAGES,
        messages: MESSAGES + others,
        turns: 1,
        branches: others,
        created_at: c,
        updated_at: c,
      })
      for (const [name, value] of [
        ['folder', `"${c % 5}"`],
        ['stars', `${c % 3}`],
      ] as const) {
        insert('conversation_field', { conversation_id, name, value })
      }
      insert('turn', {
        id: `t${c}`,
        conversation_id,
        position: 1,
        input_message_id: `c${c}-0-1`,
        reply_id: `c${c}-0-2`,
        status: 'done',
        epoch: 1,
        endpoint: 'online',
        model: 'm',
        attempts: 1,
        started_at: 1,
      })
      insert('send_key', { conversation_id, key: 'k', turn_id: `t${c}`, message_id: 'm' })
      const message = (branch: number, depth: number) =>
        insert('message', {
          id: `c${c}-${branch}-${depth}`,
          conversation_id,
          turn_id: depth === 2 && branch === 0 ? `t${c}` : `t${c}-${branch}-${depth}`,
          position: depth + branch,
          branch,
          depth,
          role: depth % 2 === 0 ? 'assistant' : 'user',
          parts: '[]',
          status: 'complete',
          created_at: 1,
        })
      for (let depth = 1; depth <= MESSAGES; depth += 1) message(0, depth)
      const branch = (n: number, parent: number | null, fork_depth: number) =>
        insert('branch', { conversation_id, n, parent, fork_depth, activated: n })
      if (others > 0) branch(0, null, 0)
      for (let n = 1; n <= others; n += 1) {
        branch(n, n - 1, 2 * n)
        message(n, 2 * n + 1)
      }
    }
  })()
}

describe.each(['as it was filled', 'after analyze'])('in a database %s', (state) => {
  let database: Database.Database

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-'))
    const file = join(folder, 'chat.db')
    await (await openSqliteStore(sqliteOptions(file))).close()
    database = new Database(file)
    fill(database)
    if (state === 'after analyze') database.exec('analyze')
    return async () => {
      database.close()
      await rm(folder, { recursive: true })
    }
  })

  test.each(PLANS)('%s: statement %# is found by its indexes', (call, statement, indexes) => {
    const { sql, parameters } = statement.compiled('sqlite')
    const plan = database
      .prepare<number[], { detail: string }>(`explain query plan ${sql}`)
      .all(...parameters.map((name) => VALUES[name] ?? 1))
      .map(({ detail }) => detail)

    const further = plan.filter((step) => step.startsWith('SEARCH g '))
    const found = plan
      .filter((step) => !further.includes(step))
      .flatMap((step) => /USING (?:COVERING )?INDEX (\S+)/.exec(step)?.[1] ?? [])
    const rows = plan.filter((step) => step.includes('USING INTEGER PRIMARY KEY'))
    expect([...found, ...rows.map(() => 'INTEGER PRIMARY KEY')], plan.join('\n')).toEqual(indexes)
    // A further field is one row of a conversation, by either index of fields, and at either place.
    expect(further).toHaveLength(call === TWO_FIELDS ? 1 : 0)
    for (const step of further) {
      expect(step).toContain('name=?')
      expect(step).toContain('conversation_id=?')
    }
    for (const step of plan) {
      if (!SORTED.includes(call)) expect(step).not.toContain('TEMP B-TREE')
      // The branches of a line are few, and in memory.
      const isSmall = /^SCAN (line|l|below|u)$/.test(step)
      if (!isSmall) expect(step).not.toMatch(/^SCAN/)
      if (step.includes('branch_fork ('))
        expect(step).toMatch(/parent=\?( AND fork_depth>\? AND fork_depth<\?)?\)$/)
    }
  })
})
