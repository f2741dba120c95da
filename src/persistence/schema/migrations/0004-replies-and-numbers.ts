/**
 * Adds the id of a turn's reply and the numbers of its last events. Drops the origin of an endpoint,
 * which follows from its url.
 *
 * A turn that has a reply gets the id of that reply. Every other turn gets a new id, here and not
 * later, so that each turn has one. Recovery, which follows, saves the reply of a running turn under
 * it. The numbers of turns that ended before are not known, and stay null.
 */
import { randomUUID } from 'node:crypto'
import { Migration } from '@mikro-orm/migrations'

export class RepliesAndNumbers extends Migration {
  override async up(): Promise<void> {
    await this.execute('alter table turn add column reply_id text null')
    await this.execute(`update turn set reply_id = (
      select message.id from message where message.turn_id = turn.id and message.role = 'assistant'
    )`)
    for (const { id } of await this.execute('select id from turn where reply_id is null')) {
      await this.execute('update turn set reply_id = ? where id = ?', [randomUUID(), id])
    }
    await this.execute('alter table turn add column content_seq integer null')
    await this.execute('alter table turn add column last_seq integer null')
    await this.execute('alter table endpoint drop column origin')
  }
}
