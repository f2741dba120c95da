/** Tool calls whose input is nested very deep, or comes in very many fragments. */
import { expect, test } from 'vitest'
import { testChat } from '../../support/engine.ts'
import { chunk, raw } from '../../support/scripts.ts'

test('saves a reply whose tool input is nested deeper than JSON can be written', async () => {
  const { provider, engine, conversation } = await testChat()
  const inputText = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  const called = { id: 'a', function: { name: 'look', arguments: inputText } }
  const ends = chunk({ tool_calls: [called] }, { finish_reason: 'tool_calls' })
  provider.next(raw([`data: ${JSON.stringify(ends)}\n\n`]))

  const turn = await engine.send(conversation.id, 'hi')
  const { message } = await turn.reply

  expect(message.parts).toEqual([
    { type: 'tool-call', toolCallId: 'a', toolName: 'look', input: undefined, inputText },
  ])
  expect((await engine.listMessages(conversation.id)).at(-1)?.status).toBe('complete')
})

test('shows and saves a tool call in 20,000 fragments', async () => {
  const { provider, engine, conversation } = await testChat({ emitIntervalMs: 100 })
  const event = (call: object): string =>
    `data: ${JSON.stringify(chunk({ tool_calls: [{ index: 0, ...call }] }))}\n\n`
  const fragment = event({ function: { arguments: 'x' } }).repeat(20_000)
  provider.next(
    raw([
      event({ id: 'a', function: { name: 'look', arguments: '{"n":"' } }),
      fragment,
      event({ function: { arguments: '"}' } }),
      'data: [DONE]\n\n',
    ]),
  )

  const { message } = await (await engine.send(conversation.id, 'hi')).reply

  expect(message.parts).toMatchObject([{ toolName: 'look', input: { n: 'x'.repeat(20_000) } }])
})
