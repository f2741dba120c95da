/** What an error says of what was sent, whatever a provider makes of it. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ProviderTarget } from '../../src/transport/provider-target.ts'
import { redacted } from '../../src/transport/redaction.ts'
import { startProvider } from '../support/provider.ts'
import { json } from '../support/scripts.ts'
import { reply, targetAt } from './asking.ts'
import { expectGrowth } from '../support/growth.ts'

const KEY = 'sk-Canary/Key+4f1d90e2?'
const HEADER = 'canary-header-77ab21c5'

/** The message that comes of an error with this text, of an endpoint with the secrets above. */
async function told(message: string, fields: Partial<ProviderTarget> = {}): Promise<string> {
  await using provider = await startProvider()
  provider.next(json({ error: { message } }, { status: 500 }))
  const target = targetAt(provider.url, { apiKey: KEY, headers: { 'x-a': HEADER }, ...fields })
  return (await reply('', { target })).error?.message ?? ''
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0')
const inJson = (text: string): string => JSON.stringify(text).slice(1, -1)
const escaped = (written: (code: number) => string): string =>
  Array.from(KEY, (char) => written(char.charCodeAt(0))).join('')

test.each([
  ['in upper case', KEY.toUpperCase()],
  ['in lower case, as the host of a redirect', `http://${HEADER.toUpperCase()}.example`],
  ['in base64', base64(KEY)],
  ['in base64 after a user', `Basic ${base64(`user:${KEY}`)}`],
  ['in base64 after two users', `Basic ${base64(`me:${KEY}`)}`],
  ['in base64 of urls', Buffer.from(`u:${KEY}`).toString('base64url')],
  ['in hexadecimal', Buffer.from(KEY).toString('hex').toUpperCase()],
  ['in a url, with small digits', encodeURIComponent(KEY).toLowerCase()],
  ['with characters without a width between', Array.from(KEY).join('\u200b')],
  ['with joiners between', Array.from(KEY).join('\u200d')],
  ['with control characters between', Array.from(KEY).join('\u0007')],
  ['with an override in it', `${KEY.slice(0, 5)}\u202e${KEY.slice(5)}`],
  ['with tags in it', `${KEY.slice(0, 5)}\u{e0041}${KEY.slice(5)}`],
  ['after a letter whose small form is longer', `İ ${KEY.toUpperCase()}`],
  ['in a url inside a url', encodeURIComponent(encodeURIComponent(KEY))],
  ['in a url, each letter escaped', escaped((code) => `%${hex(code, 2)}`)],
  ['in a url, some letters escaped', KEY.replaceAll('/', '%2F')],
  ['in JSON with escaped slashes', KEY.replaceAll('/', String.raw`\/`)],
  ['in JSON inside JSON', inJson(inJson(`"${KEY}"`))],
  ['in JSON, each letter escaped', escaped((code) => String.raw`\u${hex(code, 4)}`)],
  ['in JavaScript, each letter escaped', escaped((code) => String.raw`\x${hex(code, 2)}`)],
  ['in HTML, by number', escaped((code) => `&#${code};`)],
  ['in HTML, by number of base 16', escaped((code) => `&#x${hex(code, 2)};`)],
  ['in JSON inside a url', encodeURIComponent(escaped((code) => String.raw`\u${hex(code, 4)}`))],
  ['in base64 inside a url', encodeURIComponent(base64(`user:${KEY}??>`))],
  ['in base64 of two lines', base64(KEY).replace(/(?<=^.{9})/, String.raw`\r\n`)],
])('strikes a secret out that is echoed %s', async (_, echo) => {
  const message = await told(`you sent ${echo} today`)

  expect(message).toContain('[redacted]')
  expect(message).toMatch(/today$/)
  const seen = message.replaceAll(/[\p{Cf}\p{Cc}]/gu, '').toLowerCase()
  expect(seen).not.toContain('4f1d90e2')
  expect(seen).not.toContain('77ab21c5')
  expect(seen).not.toContain(base64(KEY).slice(6, 20).toLowerCase())
})

test.each([
  ['a quote, a backslash and an ampersand', String.raw`p"w\d&<x>'y`],
  ['an escape of its own', String.raw`a%41b%2Fc\u0041&lt;d`],
  ['letters beyond ASCII', 'pä✓sswörd😀'],
  ['blanks', 'my long pass word'],
])('strikes a secret with %s out, however it is escaped', async (_, secret) => {
  const html = secret.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
  const form = new URLSearchParams({ q: secret }).toString().slice(2)
  const url = encodeURIComponent(secret)
  const forms = [secret, url, encodeURIComponent(url), inJson(secret), inJson(inJson(secret))]
  const target = { headers: { authorization: `Basic ${base64(`the-user:${secret}`)}` } }

  for (const echo of [...forms, html, form]) {
    const message = await told(`you sent <${echo}> today`, target)

    expect([echo, message]).toEqual([
      echo,
      'Endpoint "online" answered 500: you sent <[redacted]> today',
    ])
  }
})

test('leaves the escapes of a message as they are', async () => {
  const text = String.raw`No \"model\" at /a%20b%2Fc &amp; d\u0041`

  expect(await told(text)).toBe(`Endpoint "online" answered 500: ${text}`)
})

test('leaves no part of a secret where a message is cut', async () => {
  for (let before = 940; before <= 1000; before += 1) {
    const { message } = redacted(
      { code: 'internal', message: `${'x'.repeat(before)}${KEY} and so on ${'y'.repeat(90_000)}` },
      targetAt('', { apiKey: KEY }),
      undefined,
    )

    expect(message).not.toMatch(/sk-C/i)
    expect(message.length).toBeLessThanOrEqual(1001)
  }
})

test('leaves no part of a secret at the end of what it searches', () => {
  const apiKey = `sk-${'long'.repeat(400)}-end`
  const target = targetAt('', { apiKey })
  // 41 keys in 64 KiB, which leave little of the text, and a part of another one.
  const escape = (char: string): string => String.raw`\u${hex(char.charCodeAt(0), 4)}`
  for (const echo of [apiKey, Array.from(apiKey, escape).join('')]) {
    const { message } = redacted({ code: 'internal', message: echo.repeat(60) }, target, undefined)

    expect(message).not.toContain('sk-')
    expect(message).not.toContain('longlong')
    expect(message).not.toContain(escape('l') + escape('o'))
  }
})

test('strikes any secret out, whatever is around it and in it', () => {
  const unseen = fc.constantFrom(
    '\u200b',
    '\u202e',
    '\u0000',
    '\n',
    '\u2066',
    '\u200d',
    '\ufeff',
    '',
  )
  const secret = fc.stringMatching(/^[!-~]{8,40}$/)
  fc.assert(
    fc.property(
      secret,
      fc.array(unseen, { maxLength: 60 }),
      fc.string(),
      (apiKey, noise, around) => {
        const echo = Array.from(apiKey)
          .map((char, n) => char + (noise[n] ?? ''))
          .join('')
        const message = `${around}<${echo}>${around}`

        const result = redacted({ code: 'internal', message }, targetAt('', { apiKey }), undefined)

        const seen = result.message.replaceAll(/[\p{Cf}\p{Cc}]/gu, '')
        expect(seen.toLowerCase().includes(apiKey.toLowerCase())).toBe(false)
      },
    ),
  )
})

test.each([
  ['an override', 'a\u202egnp.exe\u202c', 'agnp.exe'],
  ['isolates and marks', '\u2066a\u2069\u200eb\u061c', 'ab'],
  ['characters without a width', 'a\u200bb\ufeffc\u2060d\u00ade', 'abcde'],
  ['tags', 'a\u{e0041}b', 'ab'],
  ['joiners that join nothing', '\u200da \u200cb\u200d\u200dc\u200d', 'a bc'],
])('takes %s out of a message', async (_, text, shown) => {
  expect(await told(text)).toBe(`Endpoint "online" answered 500: ${shown}`)
})

test('keeps joiners where scripts and emoji need them', async () => {
  const text = '👩\u200d👩\u200d👧 می\u200cخواهم'

  expect(await told(text)).toBe(`Endpoint "online" answered 500: ${text}`)
})

test.each([
  'secret-number-',
  'x',
  '\u200d',
  'a\u200d',
  '\u202e ',
  'İ',
  '%25',
  '\\',
  '%C3%A4',
  String.raw`\u0073`,
  '&#x73;',
  'secret-number-7-of-many',
])('costs no more for a long message than for what is searched of it: %j', (shape) => {
  const headers = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [`x-${n}`, `secret-number-${n}-of-many`]),
  )
  const target = targetAt('', { headers })
  const strikeOut = (message: string) => () =>
    redacted({ code: 'internal', message }, target, undefined)
  const small = shape.repeat(Math.ceil(2 ** 14 / shape.length))
  const searched = shape.repeat(Math.ceil(2 ** 16 / shape.length))
  const huge = shape.repeat(Math.ceil(9_000_000 / shape.length))

  expectGrowth(strikeOut(small), strikeOut(searched))
  expectGrowth(strikeOut(searched), strikeOut(huge), { most: 3, floor: 2_000 })
})
