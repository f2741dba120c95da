/** A reply with pictures, from the provider to the store. */
import { expect, test } from 'vitest'
import type { ColloquyError } from '../../../src/index.ts'
import { testChat } from '../../support/engine.ts'
import { chunk, json } from '../../support/scripts.ts'
import { eventLog, outcomeOf } from '../../support/waiting.ts'

const png = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQ'
const image = { type: 'image_url', image_url: { url: png } }
const finish = chunk({}, { finish_reason: 'stop' })
const picture = {
  type: 'file',
  mediaType: 'image/png',
  url: png,
  providerData: { maker: expect.stringMatching(/^[\w-]{16}$/) as string },
}

test('a picture alone is a reply: it is shown, told and stored', async () => {
  const { provider, engine, conversation } = await testChat()
  const log = eventLog(engine)
  provider.next((exchange) => exchange.done(chunk({ images: [image] }), finish))

  const turn = await engine.send(conversation.id, 'draw')
  const shown = []
  for await (const { parts } of turn.snapshots()) shown.push(parts)
  const { message } = await turn.reply

  expect(shown).toEqual([[picture]])
  expect(message).toMatchObject({ parts: [picture], text: '', status: 'complete' })
  expect((await engine.listMessages(conversation.id)).at(-1)).toEqual(message)
  expect(log.flatMap((event) => (event.type === 'reply.delta' ? event.deltas : []))).toEqual([
    { ...picture, part: 0, opens: true, closes: true },
  ])
})

test('a conversation goes on after a picture', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next((exchange) => exchange.done(chunk({ images: [image] }), finish))
  await (
    await engine.send(conversation.id, 'draw')
  ).reply

  expect((await (await engine.send(conversation.id, 'and now?')).reply).message.text).toBe('Hello')
})

test('pictures count against limits.replyBytes, and none is kept after the limit', async () => {
  const { provider, engine, conversation } = await testChat({ limits: { replyBytes: 1_000 } })
  const large = (n: number) => ({ image_url: { url: `${png}${String(n).repeat(700)}` } })
  provider.next(
    (exchange) => exchange.done(chunk({ images: [large(1), large(2), large(3)] }), finish),
    json({ choices: [{ message: { images: [large(1), large(2)] }, finish_reason: 'stop' }] }),
  )

  const { error } = (await outcomeOf((await engine.send(conversation.id, 'draw')).reply)) as {
    error: ColloquyError
  }
  expect(error).toMatchObject({ code: 'reply-too-large', partial: { status: 'failed' } })
  expect(error.partial?.parts).toHaveLength(2)
  expect(await outcomeOf(engine.complete({ prompt: 'draw' }))).toMatchObject({
    error: { code: 'reply-too-large' },
  })
})

test('pictures count against limits.replyParts', async () => {
  const { provider, engine, conversation } = await testChat({ limits: { replyParts: 2 } })
  provider.next((exchange) => exchange.done(chunk({ images: [image, image, image] }), finish))

  expect(await outcomeOf((await engine.send(conversation.id, 'draw')).reply)).toMatchObject({
    error: { code: 'reply-too-large', partial: { parts: [picture, picture] } },
  })
})
