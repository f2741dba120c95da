/** Adds the failed attempts of a turn, and the fallbacks of an endpoint. Both are JSON. */
import { Migration } from '@mikro-orm/migrations'

export class AttemptsAndFallbacks extends Migration {
  override up(): void {
    this.addSql('alter table turn add column failed_attempts text null')
    this.addSql('alter table endpoint add column fallbacks text null')
  }
}
