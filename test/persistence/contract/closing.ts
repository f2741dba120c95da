/** The contract of a store: closing it. */
import { expect, test } from 'vitest'
import { accept } from '../records.ts'
import { type OpenStore, openWith } from './counted-store.ts'

export function closingContract(open: OpenStore): void {
  test('finishes what was queued, then refuses', async () => {
    const store = await openWith(open, 'c')
    const accepted = store.acceptTurn(accept('c', 't'))

    const closed = store.close()

    await expect(store.putSetting('a', 1)).rejects.toMatchObject({ code: 'engine-closed' })
    await expect(store.getConversation('c')).rejects.toMatchObject({ code: 'engine-closed' })
    await closed
    expect(await accepted).toMatchObject({ input: { id: 'input-t' } })
    expect(store.close()).toBe(closed)
  })

  test('lets reads that were asked for before finish', async () => {
    const store = await openWith(open, 'c')

    const reads = Array.from({ length: 20 }, () => store.getConversation('c'))
    const closed = store.close()

    expect(await Promise.all(reads)).toHaveLength(20)
    await closed
  })
}
