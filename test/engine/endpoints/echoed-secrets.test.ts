/** Secrets of an endpoint that a provider repeats in another form than it got them. */
import { expect, test } from 'vitest'
import { testEngine, testProvider } from '../../support/engine.ts'
import { outcomeOf } from '../../support/waiting.ts'

test.each([
  ['in the url', 'a b+ü/9x', (url: string) => `${url}?key=a%20b%2B%C3%BC/9x`, {}],
  [
    'as a Basic authorization',
    'the-password',
    (url: string) => url,
    { headers: { Authorization: `Basic ${btoa('the-user:the-password')}` } },
  ],
])('a secret %s is struck out of what a provider says', async (_, secret, urlOf, options) => {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: urlOf(provider.url), model: 'm', ...options })
  const echoes = [secret, encodeURIComponent(secret), 'a%20b%2B%C3%BC/9x', 'the-user']
  provider.next(({ response }) => {
    response.writeHead(404, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: { message: `No ${echoes.join(' or ')} here` } }))
  })
  const { id } = await engine.startConversation()

  const outcome = await outcomeOf((await engine.send(id, 'hello')).reply)

  const shown = JSON.stringify([outcome, await engine.listTurns(id)])
  expect(shown).toContain('[redacted]')
  for (const echo of [secret, encodeURIComponent(secret)]) expect(shown).not.toContain(echo)
  if (secret === 'the-password') expect(shown).not.toContain('the-user')
  else expect(shown).not.toContain('a%20b%2B')
})
