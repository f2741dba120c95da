/** What an engine is made of. */
import type { Feed } from '../feed/feed.ts'
import type { Store } from '../persistence/store.ts'
import type { Transport } from '../transport/transport.ts'
import type { Actors } from './actors.ts'
import type { Binder } from './binding.ts'
import type { Drains } from './drains.ts'
import type { Endpoints } from './endpoints.ts'
import type { OneShots } from './one-shots.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import type { Preferences } from './preferences.ts'
import type { Titles } from './titles.ts'
import type { Turns } from './turns.ts'

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
