/**
 * Makes each conversation a tree: messages get a place, a branch and a depth.
 *
 * The table of messages is made anew, because SQLite adds no integer key to a table. A conversation
 * without a retry is one branch, in which the depth is the position. Where a retry left two replies
 * to one input, the branches are rebuilt from the parents; see `0005-old-lines.ts`.
 */
import { Migration } from '@mikro-orm/migrations'
import { fieldsOf } from './0005-old-fields.ts'
import { type OldMessage, type Tree, treeOf } from './0005-old-lines.ts'

/** As many rows as SQL text of a moderate size holds. */
const ROWS_AT_ONCE = 400
/** Another program may have written text into a position. Text is greater than all numbers. */
const GREATEST = 9_007_199_254_740_990

const COPIED =
  'id, conversation_id, turn_id, import_id, parent_id, position, role, parts, status, finish_reason, model, input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens, usage_raw, usage_source, created_at'

export class Branches extends Migration {
  override async up(): Promise<void> {
    await this.#addTables()
    await this.#copyFields()
    await this.#changeConversations()
    await this.#changeTurns()
    await this.#copyMessages()
    await this.execute('update conversation set head_depth = messages')
    // One after another: their messages need not fit into memory together.
    for (const id of await this.#irregularConversations()) {
      await this.#writeTree(id, await this.#oldTree(id))
    }
    await this.execute('drop table message')
    await this.execute('alter table message_0005 rename to message')
    await this.#makeMessageIndexes()
    // Another program may have deleted the message that a conversation named as its head.
    await this.execute(`update conversation set head_message_id = (select id from message
      where message.conversation_id = conversation.id
      and branch = conversation.head_branch and depth = conversation.head_depth)`)
    await this.#placeRunningReplies()
  }

  async #addTables(): Promise<void> {
    const owned = (table: string) => `constraint ${table}_conversation_id_foreign
      foreign key (conversation_id) references conversation (id) on delete cascade`
    await this.execute(`create table branch (
      conversation_id text not null,
      n integer not null,
      parent integer null,
      fork_depth integer not null,
      activated integer not null,
      primary key (conversation_id, n),
      ${owned('branch')}
    )`)
    await this.execute('create index branch_fork on branch (conversation_id, parent, fork_depth)')
    await this.execute(`create table send_key (
      conversation_id text not null,
      key text not null,
      turn_id text not null,
      message_id text not null,
      primary key (conversation_id, key),
      ${owned('send_key')}
    )`)
    await this.execute(`create table conversation_field (
      conversation_id text not null,
      name text not null,
      value text not null,
      primary key (conversation_id, name),
      ${owned('conversation_field')}
    )`)
    await this.execute(`create index conversation_field_value
      on conversation_field (name, value, conversation_id)`)
  }

  /** A slice at a time: the metadata of all conversations need not fit into memory together. */
  async #copyFields(): Promise<void> {
    for (let last: string | undefined = ''; last !== undefined;) {
      const rows = (await this.execute(
        `select id, metadata from conversation where id > ? and typeof(metadata) = 'text'
        order by id limit ${ROWS_AT_ONCE}`,
        [last],
      )) as { id: string; metadata: string }[]
      for (const { id, metadata } of rows) {
        for (const [name, value] of fieldsOf(metadata)) {
          await this.execute(
            'insert into conversation_field (conversation_id, name, value) values (?, ?, ?)',
            [id, name, value],
          )
        }
      }
      last = rows.at(-1)?.id
    }
  }

  async #changeConversations(): Promise<void> {
    for (const counter of ['head_branch', 'head_depth', 'messages', 'turns', 'branches']) {
      await this.execute(
        `alter table conversation add column ${counter} integer not null default 0`,
      )
    }
    await this.execute('alter table conversation add column send_policy text null')
    await this.execute('alter table conversation add column forked_from text null')
    await this.execute('alter table conversation add column archived_at bigint null')
    await this.execute('alter table conversation add column deleted_at bigint null')
    await this.execute('drop index conversation_activity')
    await this.execute('drop index conversation_owner_activity')
    const indexes = [
      ['activity', 'updated_at, id', 'archived_at is null and deleted_at is null'],
      [
        'owner_activity',
        'owner_id, updated_at, id',
        'owner_id is not null and archived_at is null and deleted_at is null',
      ],
      ['archived', 'updated_at, id', 'archived_at is not null and deleted_at is null'],
      [
        'owner_archived',
        'owner_id, updated_at, id',
        'owner_id is not null and archived_at is not null and deleted_at is null',
      ],
      ['owner_created', 'owner_id, created_at, id', 'owner_id is not null'],
      ['deleted', 'id', 'deleted_at is not null'],
    ]
    for (const [name, columns, where] of indexes) {
      await this.execute(
        `create index conversation_${name} on conversation (${columns}) where ${where}`,
      )
    }
    await this.execute('create index conversation_created on conversation (created_at, id)')
  }

  async #changeTurns(): Promise<void> {
    await this.execute(`insert into send_key (conversation_id, key, turn_id, message_id)
      select conversation_id, idempotency_key, id, input_message_id from turn
      where idempotency_key is not null`)
    await this.execute('drop index turn_idempotency_key')
    await this.execute('alter table turn drop column idempotency_key')
    for (const column of ['reply_branch', 'reply_depth', 'queue_place']) {
      await this.execute(`alter table turn add column ${column} integer null`)
    }
    for (const column of ['send_policy', 'options', 'sealed_options', 'ended_by']) {
      await this.execute(`alter table turn add column ${column} text null`)
    }
    await this.execute(`create index turn_queued
      on turn (conversation_id, queue_place) where status = 'queued'`)
  }

  /** The conversations whose messages do not simply follow one another. */
  async #irregularConversations(): Promise<readonly string[]> {
    const rows = await this.execute(`select distinct conversation_id from (
      select conversation_id, position, parent_id,
        lag(id) over line as before, row_number() over line as place
      from message window line as (partition by conversation_id order by position)
    ) as lines where place <> position or parent_id is distinct from before`)
    return (rows as { conversation_id: string }[]).map((row) => row.conversation_id)
  }

  async #oldTree(id: string): Promise<Tree> {
    // A reply without a visible text is short. Longer ones are not read.
    const messages = (await this.execute(
      `select rowid as n, id, parent_id, role,
        case when role = 'assistant' and length(parts) < 100000 then parts end as parts
      from message where conversation_id = ? order by position`,
      [id],
    )) as OldMessage[]
    const [conversation] = (await this.execute(
      'select head_message_id from conversation where id = ?',
      [id],
    )) as { head_message_id: string | null }[]
    return treeOf(messages, conversation?.head_message_id ?? null)
  }

  async #copyMessages(): Promise<void> {
    await this.execute(`create table message_0005 (
      n integer not null primary key,
      id text not null,
      conversation_id text not null,
      turn_id text null,
      import_id text null,
      parent_id text null,
      position integer not null,
      branch integer not null default 0,
      depth integer null,
      client_id text null,
      role text not null,
      parts text not null,
      status text not null,
      finish_reason text null,
      model text null,
      input_tokens bigint null,
      output_tokens bigint null,
      reasoning_tokens bigint null,
      cache_read_tokens bigint null,
      cache_write_tokens bigint null,
      usage_raw text null,
      usage_source text null,
      created_at bigint not null,
      constraint message_conversation_id_foreign
        foreign key (conversation_id) references conversation (id) on delete cascade
    )`)
    await this.execute(`update conversation set messages = coalesce((select max(position)
      from message where conversation_id = conversation.id and position <= ${GREATEST}), 0)`)
    await this.execute(`update conversation set turns = coalesce((select max(position)
      from turn where conversation_id = conversation.id and position <= ${GREATEST}), 0)`)
    await this.execute(`insert into message_0005 (n, branch, depth, ${COPIED})
      select rowid, 0, position, ${COPIED} from message order by rowid`)
  }

  async #writeTree(conversationId: string, { places, branches, head }: Tree): Promise<void> {
    for (let at = 0; at < places.length; at += ROWS_AT_ONCE) {
      const rows = places.slice(at, at + ROWS_AT_ONCE)
      await this.execute(
        `update message_0005 set branch = place.column2, depth = place.column3, parent_id = place.column4
        from (values ${rows.map(() => '(?, ?, ?, ?)').join()}) as place
        where message_0005.n = place.column1`,
        rows.flatMap(({ n, branch, depth, parentId }) => [n, branch, depth, parentId]),
      )
    }
    await this.execute(
      `update conversation set head_message_id = ?, head_branch = ?, head_depth = ?, branches = ?
      where id = ?`,
      [head?.id ?? null, head?.branch ?? 0, head?.depth ?? 0, branches.length - 1, conversationId],
    )
    if (branches.length === 1) return
    for (const { n, parent, forkDepth, activated } of branches) {
      await this.#openBranch([conversationId, n, parent, forkDepth, activated])
    }
  }

  async #makeMessageIndexes(): Promise<void> {
    await this.execute('create unique index message_id on message (id)')
    await this.execute(
      'create unique index message_place on message (conversation_id, branch, depth)',
    )
    await this.execute(`create unique index message_client_id
      on message (conversation_id, client_id) where client_id is not null`)
    await this.execute(
      "create unique index message_reply on message (turn_id) where role = 'assistant'",
    )
  }

  /**
   * Recovery, which follows, saves the replies of running turns after their inputs, or beside what is
   * there: the reply that a retry was to replace.
   */
  async #placeRunningReplies(): Promise<void> {
    await this.execute(`update turn set
      reply_branch = (select branch from message where message.id = turn.input_message_id),
      reply_depth = (select depth + 1 from message where message.id = turn.input_message_id)
      where status in ('pending', 'streaming')`)
  }

  async #openBranch(row: readonly (string | number | null)[]): Promise<void> {
    await this.execute(
      'insert into branch (conversation_id, n, parent, fork_depth, activated) values (?, ?, ?, ?, ?)',
      [...row],
    )
  }
}
