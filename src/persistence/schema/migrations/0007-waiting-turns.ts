/** Adds what a call needs to wait for an answer: its input, the decision, and when the wait ends. */
import { Migration } from '@mikro-orm/migrations'

export class WaitingTurns extends Migration {
  override up(): void {
    for (const column of [
      'waits_for text null',
      'input text null',
      'given_input text null',
      'approved integer null',
      'decided_by text null',
      'reason text null',
      'expires_at bigint null',
    ]) {
      this.addSql(`alter table call add column ${column}`)
    }
    this.addSql("create index call_waiting on call (id) where state = 'waiting'")
    this.addSql("create index call_expiring on call (expires_at) where state = 'waiting'")
    this.addSql(
      "create unique index turn_waiting on turn (conversation_id) where status = 'waiting'",
    )
  }
}
