/** What a provider's error comes to, from its answer to the rows of the database. */
import { expect, test } from 'vitest'
import { ColloquyError } from '../../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../../support/engine.ts'
import { json } from '../../support/scripts.ts'
import { outcomeOf } from '../../support/waiting.ts'

test('the id of the request is on the error, in its record, in the event and in the database', async () => {
  const database = await testDatabase()
  const { engine, provider, conversation } = await testChat({ database })
  const headers = { 'x-request-id': 'req_4f1d90e2' }
  provider.next(json({ error: { message: 'no way' } }, { status: 400, headers }))
  const turn = await engine.send(conversation.id, 'hello')

  const { error } = (await outcomeOf(turn.reply)) as { error: ColloquyError }

  expect(error).toBeInstanceOf(ColloquyError)
  const record = {
    code: 'request-rejected',
    message: 'Endpoint "online" answered 400: no way',
    status: 400,
    requestId: 'req_4f1d90e2',
  }
  expect(error).toMatchObject(record)
  expect(error.toJSON()).toEqual(record)
  expect((await engine.getTurn(turn.id))?.error).toEqual(record)
  await engine.close()
  const again = await testEngine({ database })
  expect((await again.getTurn(turn.id))?.error).toEqual(record)
})

test('a full context in new words goes to a fallback, and a bad request does not', async () => {
  const { engine, provider, conversation } = await testChat()
  await engine.putEndpoint('second', { url: provider.url, model: 'm2' })
  await engine.putEndpoint('online', { url: provider.url, model: 'm', fallbacks: ['second'] })
  const refusing = (message: string) => json({ error: { message } }, { status: 400 })
  const ask = async () => (await engine.send(conversation.id, 'hello')).reply

  for (const message of [
    'Requested tokens (5120) exceed context window of 4096',
    'Model Not Exist',
    'API key not valid. Please pass a valid API key.',
  ]) {
    provider.next(refusing(message))
    expect((await ask()).turn).toMatchObject({ status: 'done', endpoint: 'second' })
  }
  provider.next(refusing('tools[0] is no function'))
  expect(await outcomeOf(ask())).toMatchObject({ error: { code: 'request-rejected' } })
})
