/**
 * The first schema.
 *
 * It is written out, not derived from the entities: entities change, a released migration never
 * does. SQLite and PostgreSQL share the types and the syntax. Times are UTC epoch milliseconds.
 */
import { Migration } from '@mikro-orm/migrations'

export class FirstSchema extends Migration {
  override up(): void {
    this.addSql(`create table conversation (
      id text not null primary key,
      title text null,
      model text null,
      endpoint text null,
      system text null,
      settings text null,
      owner_id text null,
      metadata text null,
      head_message_id text null,
      created_at bigint not null,
      updated_at bigint not null
    )`)
    this.addSql('create index conversation_activity on conversation (updated_at, id)')
    this.addSql(`create index conversation_owner_activity
      on conversation (owner_id, updated_at, id) where owner_id is not null`)

    this.addSql(`create table turn (
      id text not null primary key,
      conversation_id text not null,
      position integer not null,
      input_message_id text not null,
      status text not null,
      epoch integer not null,
      idempotency_key text null,
      endpoint text not null,
      model text not null,
      attempts integer not null,
      error text null,
      usage text null,
      metadata text null,
      started_at bigint not null,
      ended_at bigint null,
      constraint turn_conversation_id_foreign
        foreign key (conversation_id) references conversation (id) on delete cascade
    )`)
    this.addSql('create unique index turn_position on turn (conversation_id, position)')
    this.addSql(`create unique index turn_idempotency_key
      on turn (conversation_id, idempotency_key) where idempotency_key is not null`)
    this.addSql(`create index turn_running
      on turn (status) where status in ('pending', 'streaming')`)

    this.addSql(`create table message (
      id text not null primary key,
      conversation_id text not null,
      turn_id text null,
      import_id text null,
      parent_id text null,
      position integer not null,
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
    this.addSql('create unique index message_position on message (conversation_id, position)')
    this.addSql("create unique index message_reply on message (turn_id) where role = 'assistant'")

    this.addSql(`create table checkpoint (
      turn_id text not null,
      n integer not null,
      parts text not null,
      primary key (turn_id, n),
      constraint checkpoint_turn_id_foreign
        foreign key (turn_id) references turn (id) on delete cascade
    )`)

    this.addSql(`create table endpoint (
      name text not null primary key,
      url text not null,
      origin text not null,
      dialect text not null,
      model text null,
      local integer not null,
      header_names text not null,
      sealed_secrets text null
    )`)

    this.addSql(`create table setting (
      name text not null primary key,
      value text not null
    )`)
  }
}
