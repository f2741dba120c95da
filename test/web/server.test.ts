/** The server of the chat page: who gets an answer, and what comes with it. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { bundlePage } from '../../examples/web/bundle.ts'
import { startPage } from '../../examples/web/server.ts'
import { testEngine } from '../support/engine.ts'

async function testPage(port = 0) {
  const engine = await testEngine()
  const setup = async () => ({ isPractice: true, endpoints: [] })
  const page = await startPage(engine, { port, setup })
  onTestFinished(() => page.close())
  const { cookie } = await ask(page.url)
  return { url: page.url, cookie, engine }
}

/** `fetch` sets `Host` by itself. */
async function ask(url: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') {
  const sent = request(url, { headers, method, agent: false })
  sent.end()
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const piece of response.setEncoding('utf8')) text += piece
  const [setCookie = ''] = response.headers['set-cookie'] ?? []
  const cookie = setCookie.replace(/;.*/, '')
  return {
    status: response.statusCode as number,
    headers: response.headers,
    text,
    setCookie,
    cookie,
  }
}

test('gives the document at the addresses of conversations, with a session', async () => {
  const { url } = await testPage()
  for (const path of ['', 'c/0190-abc', '?x=1']) {
    const answer = await ask(url + path)
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(answer.setCookie).toMatch(/^colloquy-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  }
  expect((await ask(`${url}c/a%2Fb`)).status).toBe(404)
  expect((await ask(`${url}../package.json`)).status).toBe(404)
})

test('lets a page load nothing but what is its own', async () => {
  const { url } = await testPage()
  for (const path of ['', 'page.js', 'style.css', 'icon.svg', 'nothing']) {
    const { headers } = await ask(url + path)
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
        "require-trusted-types-for 'script'; trusted-types dompurify",
    )
    expect(headers['x-content-type-options']).toBe('nosniff')
  }
})

test('answers requests with the cookie of the document only', async () => {
  const { url, cookie } = await testPage()
  for (const path of ['api/conversations', 'api/settings', 'api/events', 'page/setup']) {
    expect((await ask(url + path)).status).toBe(401)
    expect((await ask(url + path, { cookie: `${cookie}x` })).status).toBe(401)
    expect((await ask(url + path, { cookie: cookie.slice(0, -1) })).status).toBe(401)
  }
  expect((await ask(`${url}api/conversations`, { cookie })).status).toBe(200)
  expect((await ask(`${url}page/setup`, { cookie: `other=1; ${cookie}` })).text).toBe(
    '{"isPractice":true,"endpoints":[]}',
  )
})

test('refuses names that somebody else gave to this address', async () => {
  const { url, cookie } = await testPage()
  for (const path of ['', 'page.js', 'page/setup', 'api/conversations']) {
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80']) {
      const answer = await ask(url + path, { host, cookie })
      expect(answer.status).toBe(421)
      expect(answer.setCookie).toBe('')
    }
  }
  expect((await ask(url, { host: 'localhost:4114' })).status).toBe(200)
})

test('refuses what a page of another site sends', async () => {
  const { url, cookie } = await testPage()
  const headers = { cookie, 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' }
  expect((await ask(`${url}api/conversations`, headers, 'POST')).status).toBe(403)
  expect((await ask(url, { cookie }, 'POST')).status).toBe(405)
})

test('gives two servers two sessions, since a browser sends cookies to every port', async () => {
  const first = await testPage()
  const second = await testPage()
  const cookie = `${first.cookie}; ${second.cookie}`
  expect((await ask(`${first.url}page/setup`, { cookie })).status).toBe(200)
  expect((await ask(`${second.url}page/setup`, { cookie })).status).toBe(200)
  expect((await ask(`${second.url}page/setup`, { cookie: first.cookie })).status).toBe(401)
})

test('takes the next port if the first one is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const { port } = other.address() as AddressInfo
  const { url } = await testPage(port)
  expect(Number(new URL(url).port)).toBeGreaterThan(port)
})

test('writes the chosen theme into the document', async () => {
  const { url } = await testPage()
  expect((await ask(url, { cookie: 'a=1; colloquy-theme=dark' })).text).toContain(
    'data-theme="dark"',
  )
  expect((await ask(url, { cookie: 'colloquy-theme="><script>' })).text).not.toContain('data-theme')
  expect((await ask(url)).text).not.toContain('data-theme')
})

test('answers a file that the browser has by its tag', async () => {
  const { url } = await testPage()
  const { headers, text } = await ask(`${url}page.js`)
  expect(text.length).toBeGreaterThan(1_000)
  const again = await ask(`${url}page.js`, { 'if-none-match': headers.etag })
  expect(again.status).toBe(304)
  expect(again.text).toBe('')
})

test('bundles a first script of at most 60 kB gzipped', async () => {
  const files = await bundlePage()
  expect([...files.keys()].toSorted()).toEqual(['/highlight.js', '/page.js', '/style.css'])
  const sizeOf = (path: string) => gzipSync(files.get(path)?.content ?? '').length
  expect(sizeOf('/page.js')).toBeLessThan(60_000)
  expect(sizeOf('/style.css')).toBeLessThan(8_000)
})
