/** The two basics of the engine: a reply that streams and is stored, and a cancel. */
import { expect, test } from 'vitest'
import { testChat } from '../../support/engine.ts'
import { endless, streamed } from '../../support/scripts.ts'

test('streams a story in three deltas and stores what it streamed', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(
    streamed(['Once', ' upon', ' a time'], { usage: { prompt_tokens: 9, completion_tokens: 4 } }),
  )

  const turn = await engine.send(conversation.id, 'tell me a story')
  const seen: string[] = []
  for await (const snapshot of turn.snapshots()) seen.push(snapshot.text)
  const { message } = await turn.reply

  expect(seen).toEqual(['Once', 'Once upon', 'Once upon a time'])
  expect(message).toMatchObject({
    text: 'Once upon a time',
    status: 'complete',
    usage: { inputTokens: 9, outputTokens: 4, source: 'provider' },
  })
  const stored = await engine.listMessages(conversation.id)
  expect(stored.map(({ role, text }) => ({ role, text }))).toEqual([
    { role: 'user', text: 'tell me a story' },
    { role: 'assistant', text: 'Once upon a time' },
  ])
})

test('closes the connection of an endless reply when it is cancelled', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(endless())

  const turn = await engine.send(conversation.id, 'never stop')
  for await (const snapshot of turn.snapshots()) if (snapshot.text.length > 20) break
  const receipt = await engine.cancel(conversation.id)
  const exchange = await provider.request(0)
  await exchange.closed

  expect(receipt).toMatchObject({ outcome: 'cancelled', from: 'receiving', upstreamAborted: true })
  await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
  const [, reply] = await engine.listMessages(conversation.id)
  expect(reply).toMatchObject({ id: receipt.savedMessageId, status: 'cancelled' })
  expect(reply?.text.length).toBe(receipt.partialChars)
})
