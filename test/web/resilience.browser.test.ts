/** The chat page when something breaks: reloads, lost connections, a killed server. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { chatReply, steps } from '../../src/testing.ts'
import { ExampleProcess } from '../examples/example-process.ts'
import { testDirectory, testProvider } from '../support/engine.ts'
import { CHROMIUM, launch } from './chromium.ts'
import { button, messageBox, openPage, pageHost, replies, say } from './page-host.ts'

/** A line to a server that can be cut, and that refuses connections while it is down. */
async function cuttableLine(to: string) {
  const sockets = new Set<Socket>()
  let isDown = false
  const server = createTcpServer((socket) => {
    if (isDown) {
      socket.destroy()
      return
    }
    const other = connect(Number(new URL(to).port), '127.0.0.1')
    for (const each of [socket, other]) {
      sockets.add(each)
      each.on('error', () => undefined)
      each.on('close', () => {
        sockets.delete(each)
        socket.destroy()
        other.destroy()
      })
    }
    socket.pipe(other).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  onTestFinished(() => {
    cut()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    cut,
    setDown(down: boolean) {
      isDown = down
      if (down) cut()
    },
  }
}

/** What a browser says in its console of connections that break. */
const BROKEN = /ERR_|net::/

describe.skipIf(CHROMIUM === undefined)('the chat page when something breaks', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test('shows a running reply at once after a reload', async () => {
    const { provider, url } = await pageHost()
    const { gate, step } = steps()
    provider.next(chatReply(['Once', ' upon', ' a time'], { gate }))
    const page = await openPage(browser, url)
    await say(page, 'a story')
    step(2)
    await expect.poll(() => replies(page)).toEqual(['Once upon'])
    await page.reload()
    await expect.poll(() => replies(page), { timeout: 1_500 }).toEqual(['Once upon'])
    await button(page, 'Stop').waitFor()
    step(1)
    await expect.poll(() => replies(page)).toEqual(['Once upon a time'])
  })

  test('goes on where it was when its connection is cut, and counts down while there is none', async () => {
    const { provider, url } = await pageHost()
    const line = await cuttableLine(url)
    const { gate, step } = steps()
    provider.next(chatReply(['Once', ' upon', ' a time'], { gate }))
    const page = await openPage(browser, line.url, { allow: BROKEN })
    await say(page, 'a story')
    step(1)
    await expect.poll(() => replies(page)).toEqual(['Once'])
    line.setDown(true)
    step(1)
    const bar = page.locator('.connection-bar')
    await expect
      .poll(() => bar.innerText(), { timeout: 30_000 })
      .toMatch(/^No connection\. Next attempt in \d+ s\./)
    line.setDown(false)
    await button(page, 'Connect now')
      .click()
      .catch(() => undefined)
    await expect.poll(() => replies(page)).toEqual(['Once upon'])
    await bar.waitFor({ state: 'hidden' })
    step(1)
    await expect.poll(() => replies(page)).toEqual(['Once upon a time'])
  })

  test('says that the browser is offline, and keeps the text of a send that failed', async () => {
    const { provider, url } = await pageHost()
    const page = await openPage(browser, url, { allow: BROKEN })
    await page.context().setOffline(true)
    await expect.poll(() => page.locator('.connection-bar').innerText()).toContain('No connection.')
    await say(page, 'are you there?')
    await page.locator('.composer .failure').waitFor({ timeout: 30_000 })
    expect(await messageBox(page).inputValue()).toBe('are you there?')
    await page.context().setOffline(false)
    provider.next(chatReply(['yes']))
    await page.locator('.composer').getByRole('button', { name: 'Try again' }).click()
    await expect.poll(() => replies(page)).toEqual(['yes'])
    await page.locator('.connection-bar').waitFor({ state: 'hidden' })
  })

  test('shows an interrupted reply under the id it knew, after the server was killed', async () => {
    const provider = await testProvider()
    const database = join(await testDirectory(), 'chat.db')
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as AddressInfo
    await new Promise((resolve) => free.close(resolve))
    const serve = async () => {
      const process = ExampleProcess.start({
        script: 'start',
        env: {
          PORT: String(port),
          COLLOQUY_DATABASE: database,
          OPENAI_BASE_URL: provider.url,
          OPENAI_MODEL: 'm',
        },
      })
      onTestFinished(() => process.destroy())
      await process.hears('The chat page is at')
      return process
    }
    const first = await serve()
    const { gate, step } = steps()
    provider.next(chatReply(['Once upon', ' a time'], { gate }))
    const page = await openPage(browser, `http://127.0.0.1:${port}/`, {
      allow: /ERR_|net::|status of 401/,
    })
    await say(page, 'a story')
    step(1)
    await expect.poll(() => replies(page)).toEqual(['Once upon'])
    const id = await page.locator('.assistant').getAttribute('data-message')
    await expect.poll(() => checkpoints(database)).toBe(1)
    await first.destroy()
    await serve()
    await expect.poll(() => page.locator('.assistant').getAttribute('data-message')).toBe(id)
    await expect
      .poll(() => page.locator('.note:visible').allInnerTexts(), { timeout: 40_000 })
      .toEqual(['The server was restarted during this reply. What had arrived is kept.'])
    expect(await replies(page)).toEqual(['Once upon'])
    expect(await page.locator('.assistant').getAttribute('data-message')).toBe(id)
    provider.next(chatReply(['Once upon a time']))
    await button(page, 'Try again').click()
    await expect.poll(() => replies(page)).toEqual(['Once upon a time'])
  })

  test("reads a reply by the browser's own EventSource, with connections cut at random", async () => {
    const { engine, provider, url } = await pageHost()
    const line = await cuttableLine(url)
    const texts = Array.from({ length: 60 }, (_, n) => `piece ${n}, `)
    const { gate, step } = steps()
    provider.next(chatReply(texts, { gate }))
    const { id } = await engine.as('me').startConversation()
    const page = await openPage(browser, line.url, { allow: BROKEN })
    await page.evaluate(`(${readByEventSource})('/api/conversations/${id}')`)
    const turn = await engine.send(id, 'a long one')
    const seed = Number(process.env['CUTS_SEED'] ?? Date.now() % 1e6)
    let random = seed
    for (let n = 0; n < texts.length; n += 1) {
      step(1)
      random = (random * 48_271) % 2_147_483_647
      if (random % 7 === 0) {
        // A cut in the middle of whatever is on its way.
        await page.evaluate('new Promise((resolve) => setTimeout(resolve, 20))')
        line.cut()
      }
    }
    const { message } = await turn.reply
    await expect
      .poll(() => page.evaluate('globalThis.readText'), {
        message: `CUTS_SEED=${seed}`,
        timeout: 30_000,
      })
      .toBe(message.text)
    expect(message.text).toBe(texts.join(''))
    expect(await page.evaluate('globalThis.opened')).toBeGreaterThan(1)
  })
})

function checkpoints(database: string): number {
  const file = new Database(database, { readonly: true })
  try {
    const row = file.prepare('select count(distinct turn_id) as n from checkpoint').get()
    return (row as { readonly n: number }).n
  } finally {
    file.close()
  }
}

/** Runs in the page. Knows what docs/http.md says of streams, and nothing of the client. */
const readByEventSource = `(path) => {
  globalThis.readText = ''
  globalThis.opened = 0
  const source = new EventSource(path + '/events')
  let parts = []
  const show = () => (globalThis.readText = parts.join(''))
  source.onopen = () => (globalThis.opened += 1)
  source.addEventListener('state', async ({ data }) => {
    const { reply, turn, head } = JSON.parse(data)
    if (reply?.parts !== undefined) parts = reply.parts.map((part) => part.text ?? '')
    if (turn === undefined && head !== null) {
      // The turn ended while there was no connection.
      const { messages } = await (await fetch(path + '/messages')).json()
      parts = [messages.at(-1).text]
      source.close()
    }
    show()
  })
  source.addEventListener('reply.delta', ({ data }) => {
    for (const { part, at, text } of JSON.parse(data).ops) {
      if (text === undefined) continue
      const has = parts[part] ?? ''
      if (at <= has.length) parts[part] = has + text.slice(has.length - at)
    }
    show()
  })
  source.addEventListener('turn.done', ({ data }) => {
    parts = [JSON.parse(data).message.text]
    show()
    source.close()
  })
}`
