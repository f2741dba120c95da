/** The store that the contract is tested on. Knows nothing of the database behind it. */
import type { Store } from '../../../src/persistence/ports/store.ts'
import { conversation } from '../records.ts'

/** A store that counts its transactions. */
export type CountedStore = Store & { readonly transactions: number }

/** Opens a new, empty store. It is closed after the test. */
export type OpenStore = () => Promise<CountedStore>

/** A new store that holds conversations with these ids. */
export async function openWith(open: OpenStore, ...ids: readonly string[]): Promise<CountedStore> {
  const store = await open()
  for (const id of ids) await store.createConversation(conversation(id))
  return store
}
