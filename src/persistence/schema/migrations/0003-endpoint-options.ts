/** Adds the options of an endpoint: a JSON object, or null if it has none. */
import { Migration } from '@mikro-orm/migrations'

export class EndpointOptions extends Migration {
  override up(): void {
    this.addSql('alter table endpoint add column options text null')
  }
}
