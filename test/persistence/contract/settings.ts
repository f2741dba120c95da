/** The contract of a store: endpoints and settings. */
import { expect, test } from 'vitest'
import type { OpenStore } from './counted-store.ts'

export function settingContract(open: OpenStore): void {
  test('keeps endpoints by name, and replaces them whole', async () => {
    const store = await open()
    const first = {
      name: 'online',
      url: 'http://one.example/v1',
      dialect: 'chat-completions',
      model: 'm',
      local: false,
      headerNames: ['x-team'],
      sealedSecrets: 'sealed',
      fallbacks: [{ endpoint: 'other' }, { endpoint: 'thi\0rd', model: 'm2' }],
    } as const
    const second = {
      name: 'online',
      url: 'http://two.example/v1',
      dialect: 'chat-completions',
      local: true,
      headerNames: [],
    } as const

    await store.putEndpoint(first)
    expect(await store.listEndpoints()).toEqual([first])
    await store.putEndpoint(second)
    expect(await store.listEndpoints()).toEqual([second])
  })

  test('deletes an endpoint by its name, once', async () => {
    const store = await open()
    const endpoint = {
      url: 'http://one.example/v1',
      dialect: 'messages',
      local: false,
      headerNames: [],
      sealedSecrets: 'sealed',
    } as const
    for (const name of ['a', 'b\0\ud83d']) await store.putEndpoint({ ...endpoint, name })

    expect(await store.deleteEndpoint('b')).toBe(false)
    expect(await store.deleteEndpoint('b\0\ud83d')).toBe(true)
    expect(await store.deleteEndpoint('b\0\ud83d')).toBe(false)
    expect(await store.listEndpoints()).toEqual([{ ...endpoint, name: 'a' }])
  })

  test('keeps settings by name', async () => {
    const store = await open()
    await store.putSetting('airplane-mode', true)
    await store.putSetting('model', 'm')
    await store.putSetting('model', null)
    await store.putSetting('other', { a: '\ud800' })
    await store.putSetting('other', undefined)

    expect(await store.listSettings()).toEqual(
      new Map<string, unknown>([
        ['airplane-mode', true],
        ['model', null],
      ]),
    )
  })
}
