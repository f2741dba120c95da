/** Adds the steps and the calls of turns, and the names of tools that turns and conversations have. */
import { Migration } from '@mikro-orm/migrations'

export class StepsAndCalls extends Migration {
  override up(): void {
    this.addSql('alter table conversation add column tools text null')
    this.addSql('alter table turn add column tools text null')
    this.addSql('alter table turn add column steps integer null')
    const owned = (table: string) => `constraint ${table}_turn_id_foreign
      foreign key (turn_id) references turn (id) on delete cascade`
    this.addSql(`create table step (
      turn_id text not null,
      n integer not null,
      status text not null,
      endpoint text not null,
      model text not null,
      attempts integer not null,
      finish_reason text null,
      usage text null,
      started_at bigint not null,
      ended_at bigint null,
      primary key (turn_id, n),
      ${owned('step')}
    )`)
    this.addSql(`create table call (
      id text not null primary key,
      turn_id text not null,
      step integer not null,
      n integer not null,
      tool_call_id text not null,
      tool_name text not null,
      idempotency_key text not null,
      state text not null,
      attempt integer not null,
      code text null,
      started_at bigint null,
      ended_at bigint null,
      late_output text null,
      late_error text null,
      ${owned('call')}
    )`)
    this.addSql('create unique index call_place on call (turn_id, step, n)')
  }
}
