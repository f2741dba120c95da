/** The contract of a store: any string and any JSON value comes back unchanged. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Part } from '../../../src/protocol/message.ts'
import { anyString } from '../any-string.ts'
import { accept, conversation } from '../records.ts'
import { type OpenStore, openWith } from './counted-store.ts'

/** JSON has no negative zero. */
const anyJson = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)))

export function valueContract(open: OpenStore): void {
  test('gives back any string as it was', async () => {
    const store = await open()
    let count = 0
    await fc.assert(
      fc.asyncProperty(anyString, anyJson, async (text, value) => {
        count += 1
        const id = `c${count}`
        const created = await store.createConversation(
          conversation(id, {
            title: text,
            model: text,
            endpoint: text,
            system: text,
            ownerId: text,
            metadata: { [text]: value },
            settings: { stop: text },
          }),
        )
        const parts: Part[] = [
          { type: 'text', text },
          { type: 'reasoning', text, providerData: value },
          { type: 'tool-call', toolCallId: text, toolName: text, input: value, inputText: text },
        ]
        const turn = accept(id, `t${count}`, {
          parts,
          bind: () => ({ endpoint: text, model: text }),
        })
        const { input: message } = await store.acceptTurn(turn)

        expect(await store.getConversation(id)).toEqual({
          ...created,
          headMessageId: message.id,
          updatedAt: turn.at,
        })
        expect(created).toMatchObject({ title: text, system: text, ownerId: text })
        expect(await store.listMessages(id)).toEqual([message])
        expect(message.text).toBe(text)
        expect(await store.getTurn(turn.turnId)).toMatchObject({ endpoint: text, model: text })
        const owned = await store.listConversations({ viewer: { ownerId: text } })
        expect(owned.every(({ ownerId }) => ownerId === text)).toBe(true)
        expect(owned.map((each) => each.id)).toContain(id)
      }),
      { numRuns: 60 },
    )
  })

  test('tells conversations apart whose ids a database would confuse', async () => {
    const store = await openWith(open, '\ud800', '\ufffd', 'a\0b')

    expect(await store.listConversations({})).toHaveLength(3)
    expect(await store.getConversation('\ud800')).toMatchObject({ id: '\ud800' })
    expect(await store.getConversation('a')).toBeUndefined()
  })

  test('refuses what JSON cannot hold, and writes nothing', async () => {
    const store = await open()

    await expect(
      store.createConversation(conversation('c', { metadata: { big: 1n } })),
    ).rejects.toMatchObject({ code: 'invalid-input' })
    expect(await store.getConversation('c')).toBeUndefined()
  })

  test('keeps JSON null apart from nothing', async () => {
    const store = await open()
    await store.createConversation(conversation('c', { metadata: null }))

    expect(await store.getConversation('c')).toHaveProperty('metadata', null)
  })
}
