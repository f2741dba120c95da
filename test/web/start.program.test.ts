/** `npm start`: the chat page without arguments, one printed reply with a text. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ExampleProcess } from '../examples/example-process.ts'
import { testDirectory } from '../support/engine.ts'

async function started(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const database = join(await testDirectory(), 'chat.db')
  const process = ExampleProcess.start({
    script: 'start',
    args,
    env: { COLLOQUY_DATABASE: database, ...env },
  })
  onTestFinished(() => process.destroy())
  return process
}

test('serves the chat page, and ends when it is told to', async () => {
  const process = await started([], { PORT: '0' })
  const [, url = ''] = await process.hears(/The chat page is at (http:\/\/127\.0\.0\.1:\d+\/)/)
  await process.hears('The practice provider answers')
  const page = await fetch(url)
  expect(await page.text()).toContain('<title>Colloquy</title>')
  const cookie = page.headers.getSetCookie()[0]?.replace(/;.*/, '') ?? ''
  const setup = await fetch(`${url}page/setup`, { headers: { cookie } })
  expect(await setup.json()).toEqual({
    isPractice: true,
    endpoints: [
      { name: 'online', model: 'practice', models: ['practice'] },
      { name: 'airplane', model: 'practice', models: ['practice'] },
    ],
  })
  process.kill('SIGTERM')
  expect((await process.end()).code).toBe(0)
})

test('prints one reply if there is a text', async () => {
  const process = await started(['hello'])
  const { code, stdout } = await process.end()
  expect(stdout).toContain('I am the practice provider')
  expect(code).toBe(0)
})

test('says which number a port has to be, and which database is in use', async () => {
  const wrong = await started([], { PORT: 'four' })
  const { code, stderr } = await wrong.end()
  expect(stderr).toBe('PORT has to be a number from 0 to 65535. It is "four".\n')
  expect(code).toBe(2)
  const database = join(await testDirectory(), 'chat.db')
  const first = await started([], { PORT: '0', COLLOQUY_DATABASE: database })
  await first.hears('The chat page is at')
  const second = await started([], { PORT: '0', COLLOQUY_DATABASE: database })
  const end = await second.end()
  expect(end.stderr).toContain(`has ${database} open`)
  expect(end.stderr).toMatch(/COLLOQUY_DATABASE=\S+chat-2\.db/)
  expect(end.code).toBe(1)
})

test('asks the provider that the environment names', async () => {
  const provider = createServer((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end('{"object":"list","data":[{"id":"small"},{"id":"large"}]}')
  }).listen(0, '127.0.0.1')
  await once(provider, 'listening')
  onTestFinished(() => void provider.close())
  const { port } = provider.address() as AddressInfo
  const process = await started([], { PORT: '0', OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` })
  const [, url = ''] = await process.hears(/The chat page is at (\S+)/)
  const page = await fetch(url)
  const cookie = page.headers.getSetCookie()[0]?.replace(/;.*/, '') ?? ''
  const setup = await fetch(`${url}page/setup`, { headers: { cookie } })
  expect(await setup.json()).toMatchObject({
    isPractice: false,
    endpoints: [{ name: 'online', models: ['small', 'large'] }, { name: 'airplane' }],
  })
})
