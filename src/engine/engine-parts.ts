/** What an engine is made of. */
import type { Feed } from '../feed/feed.ts'
import type { Store } from '../persistence/store.ts'
import type { Transport } from '../transport/transport.ts'
import type { Actors } from './actors/actors.ts'
import type { Binder } from './endpoints/binding.ts'
import type { Drains } from './turn/drains.ts'
import type { Endpoints } from './endpoints/endpoints.ts'
import type { OneShots } from './one-shots/one-shots.ts'
import type { ResolvedOptions } from './options/resolve-options.ts'
import type { Preferences } from './endpoints/preferences.ts'
import type { Titles } from './one-shots/titles.ts'
import type { Turns } from './turn/turns.ts'

export interface EngineParts {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly transport: Transport
  readonly feed: Feed
  readonly endpoints: Endpoints
  readonly preferences: Preferences
  readonly binder: Binder
  readonly drains: Drains
  readonly turns: Turns
  readonly actors: Actors
  readonly oneShots: OneShots
  readonly titles: Titles
}
