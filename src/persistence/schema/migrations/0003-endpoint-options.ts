/** What an endpoint is put with besides its address: a JSON object, null for nothing. */
import { Migration } from '@mikro-orm/migrations'

export class EndpointOptions extends Migration {
  override up(): void {
    this.addSql('alter table endpoint add column options text null')
  }
}
