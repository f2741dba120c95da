/** A retry that replaces the running turn: it goes on from the results that turn has. */
import { expect, test } from 'vitest'
import { endless } from '../../support/scripts.ts'
import { nextEvent, outcomeOf, shown, ticks } from '../../support/waiting.ts'
import { bodyOf, calling, done, resultsOf, toolChat } from './tool-chat.ts'

test('goes on from the last step of the turn that it replaces, and no tool runs again', async () => {
  const ran: number[] = []
  const { provider, engine, id } = await toolChat({
    tools: { note: { execute: () => ran.push(1) } },
  })
  provider.next(calling({ name: 'note' }), endless('word '), done)
  const running = await engine.send(id, 'hi')
  await shown(running, 10)
  const turn = await engine.retry(id, { sendPolicy: 'replace' })
  const { message } = await turn.reply

  expect(await outcomeOf(running.reply)).toMatchObject({ error: { code: 'replaced' } })
  expect(ran).toEqual([1])
  expect(resultsOf(message)).toMatchObject([{ output: 1 }])
  expect(message.text).toBe('Done.')
  expect(bodyOf(provider, 2)['messages']).toMatchObject([
    { role: 'user' },
    { role: 'assistant', tool_calls: [{ id: 'a' }] },
    { role: 'tool', tool_call_id: 'a' },
  ])
  const siblings = await engine.listBranches(message.id)
  expect(siblings.map(({ status }) => status)).toEqual(['cancelled', 'complete'])
})

test('tells the model what is known of a call that it stopped', async () => {
  const { provider, engine, id } = await toolChat({
    tools: { wait: { afterCrash: 'again', execute: () => new Promise(() => {}) } },
    timeouts: { toolCloseMs: 0 },
  })
  provider.next(calling({ name: 'wait' }), done)
  const running = await engine.send(id, 'hi')
  await nextEvent(running.events, 'tool.started')
  await ticks(2)
  const { message } = await (await engine.retry(id, { sendPolicy: 'replace' })).reply

  expect(resultsOf(message)).toMatchObject([{ toolCallId: 'a', code: 'stopped' }])
  expect(message.text).toBe('Done.')
})

test('asks all anew if it is told so', async () => {
  const { provider, engine, id } = await toolChat({ tools: { note: { execute: () => 1 } } })
  provider.next(calling({ name: 'note' }), endless('word '), done)
  const running = await engine.send(id, 'hi')
  await shown(running, 10)
  const turn = await engine.retry(id, { sendPolicy: 'replace', from: 'start' })
  const { message } = await turn.reply

  expect(resultsOf(message)).toEqual([])
  expect(bodyOf(provider, 2)['messages']).toMatchObject([{ role: 'user', content: 'hi' }])
})
