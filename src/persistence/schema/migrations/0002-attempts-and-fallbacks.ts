/** What the attempts of a turn came to, and who is asked when an endpoint fails. Both are JSON. */
import { Migration } from '@mikro-orm/migrations'

export class AttemptsAndFallbacks extends Migration {
  override up(): void {
    this.addSql('alter table turn add column failed_attempts text null')
    this.addSql('alter table endpoint add column fallbacks text null')
  }
}
