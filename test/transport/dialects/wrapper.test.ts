/** Events in the envelopes of gateways. */
import { expect, test } from 'vitest'
import { ended as stopReason, started, stopped, textBlock } from '../../support/messages-events.ts'
import { responseEvents } from '../../support/response-events.ts'
import { chunk } from '../../support/scripts.ts'
import { bare, DONE, fin, inMessages, inResponses, whole } from './replies.ts'

const ENVELOPES: readonly (readonly [string, (event: object) => object])[] = [
  ['code and data', (data) => ({ code: 0, data })],
  ['code, message and data', (data) => ({ code: 200, msg: 'success', message: '', data })],
  ['success and result', (result) => ({ success: true, errors: [], result })],
  ['code and data as text', (data) => ({ code: 0, data: JSON.stringify(data) })],
]

test.each(ENVELOPES)('reads chunks and answers of chat completions in %s', async (_, wrap) => {
  const usage = { prompt_tokens: 9, completion_tokens: 4 }
  const chunks = ['Hel', 'lo', ' world'].map((content) => chunk({ content }))
  const counted = { choices: [], usage }
  const streamed = await bare(...[...chunks, fin(), counted].map(wrap), DONE)
  const answered = await whole(
    'chat-completions',
    wrap({ choices: [{ message: { content: 'Hello world' }, finish_reason: 'stop' }], usage }),
  )

  for (const asked of [streamed, answered]) {
    expect(asked.error).toBeUndefined()
    expect(asked.text).toBe('Hello world')
    expect(asked.end).toMatchObject({ finishReason: 'stop', usage: { inputTokens: 9 } })
  }
})

test.each(ENVELOPES)('reads events of the other dialects in %s', async (_, wrap) => {
  const events = [started(), ...textBlock(0, 'Hel', 'lo'), stopReason(), stopped]
  expect((await inMessages(...events.map(wrap))).text).toBe('Hello')

  const items = responseEvents([{ type: 'message', texts: ['Hello'] }])
  expect((await inResponses(...items.map(wrap))).text).toBe('Hello')
})

test('reads an error in place of an envelope, and no envelope beside choices', async () => {
  const failed = await bare(chunk({ content: 'a' }), { error: { message: 'no way' }, data: fin() })
  expect(failed.error?.message).toContain('no way')

  const asked = await bare({ ...chunk({ content: 'a' }), data: chunk({ content: 'b' }) }, fin())
  expect(asked.text).toBe('a')
})
