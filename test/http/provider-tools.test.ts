/** What a browser sees of tools that the provider ran. */
import { expect, test } from 'vitest'
import { block, message, textBlock } from '../support/messages-events.ts'
import { StreamReader } from './stream-reader.ts'
import { init, testHost } from './web-host.ts'

test('a browser sees the name of a tool that the provider ran, and nothing else of it', async () => {
  const host = await testHost()
  const { url } = host.provider
  await host.engine.putEndpoint('online', { url, model: 'm', dialect: 'messages' })
  host.provider.next(
    message([
      ...block(0, {
        type: 'server_tool_use',
        id: 's1',
        name: 'web_search',
        input: { q: 'CANARY' },
      }),
      ...block(1, { type: 'web_search_tool_result', tool_use_id: 's1', content: ['CANARY'] }),
      ...textBlock(2, 'Found.'),
    ]),
  )
  const id = await host.conversation()
  const reader = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await reader.event('state')
  await host.ask(`/conversations/${id}/messages`, { json: { input: 'hi' } })
  const ended = await reader.event('turn.done')
  const page = await host.ask(`/conversations/${id}/messages`)

  const parts = [
    { type: 'provider-tool', toolName: 'web_search' },
    { type: 'provider-tool', toolName: 'web_search' },
    { type: 'text', text: 'Found.' },
  ]
  const opened = reader.events.flatMap(({ event, data }) =>
    event === 'reply.delta' ? data.ops.flatMap(({ open }: { open?: object }) => open ?? []) : [],
  )
  expect(opened).toEqual([...parts.slice(0, 2), { type: 'text' }])
  expect(ended.data.message.parts).toEqual(parts)
  expect(page.json.messages.at(-1).parts).toEqual(parts)
  expect(reader.raw + page.text).not.toContain('CANARY')
})
