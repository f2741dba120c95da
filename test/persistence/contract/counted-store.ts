/** The store that a contract is about. */
import type { Store } from '../../../src/persistence/store.ts'
import { conversation } from '../records.ts'

/** A store whose transactions can be counted. */
export type CountedStore = Store & { readonly transactions: number }

/** Opens a new, empty store, which is closed when the test is over. */
export type OpenStore = () => Promise<CountedStore>

/** A new store with conversations of these ids. */
export async function openWith(open: OpenStore, ...ids: readonly string[]): Promise<CountedStore> {
  const store = await open()
  for (const id of ids) await store.createConversation(conversation(id))
  return store
}
