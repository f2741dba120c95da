/** Recorded streams of real providers, played through the transport. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/protocol/endpoint.ts'
import type { ReplyRequest } from '../../src/transport/reply-request.ts'
import type { Transport } from '../../src/transport/transport.ts'
import { startProvider } from '../support/provider.ts'
import type { Provider } from '../support/provider.ts'
import { raw } from '../support/scripts.ts'
import { ask, requestTo, targetAt, transportFor } from './asking.ts'
import type { AskedReply } from './asking.ts'

/** The folder of the recordings, which are not part of the project. */
const folder = process.env['COLLOQUY_RECORDINGS'] ?? ''

interface Expected {
  readonly content: string
  readonly reasoning: string
  readonly toolCalls: readonly { id: string; name: string; arguments: string }[]
  readonly finishReason?: string
  readonly usage?: {
    readonly input: number
    readonly output: number
    readonly reasoning?: number
    readonly cachedInput?: number
    readonly cacheRead?: number
    readonly cacheWrite?: number
  } | null
}

interface Recording {
  readonly file: string
  readonly format: string
  readonly kind: 'reply' | 'stream-error' | 'truncated' | 'http-error'
  readonly expected: Expected
  readonly status?: number
  readonly contentType?: string
}

const DIALECTS: Readonly<Record<string, Dialect>> = {
  chat: 'chat-completions',
  responses: 'responses',
  anthropic: 'messages',
}

const FINISH_REASONS: Readonly<Record<string, string>> = {
  tool_calls: 'tool-calls',
  content_filter: 'content-filter',
}

/** Streams with reasoning in a field that their expectations leave out. */
const REASONING: Readonly<Record<string, string>> = {
  'chat-snowflake-r0283.sse': '15 * 27 = 405',
}

const WRITINGS: Readonly<Record<string, (bytes: Buffer) => readonly Uint8Array[]>> = {
  whole: (bytes) => [bytes],
  'one byte at a time': (bytes) => Array.from(bytes, (byte) => Uint8Array.of(byte)),
  'with CRLF': (bytes) => [Buffer.from(bytes.toString().replaceAll(/\r?\n/g, '\r\n'))],
  'with CR': (bytes) => [Buffer.from(bytes.toString().replaceAll(/\r?\n/g, '\r'))],
  'one event at a time': (bytes) =>
    bytes
      .toString()
      .split(/(?<=\r?\n\r?\n)/)
      .map((event) => Buffer.from(event)),
  'cut at random': cutAtRandom,
}

/** Cuts at random places, the same each time. */
function cutAtRandom(bytes: Buffer): readonly Uint8Array[] {
  const place = fc.integer({ min: 1, max: bytes.length - 1 })
  const anyCuts = fc.uniqueArray(place, { minLength: 20, maxLength: 60 })
  const [cuts = []] = fc.sample(anyCuts, { numRuns: 1, seed: bytes.length })
  const ends = [...cuts.toSorted((a, b) => a - b), bytes.length]
  return ends.map((end, n) => bytes.subarray(ends[n - 1] ?? 0, end))
}

function expectAssembled(asked: AskedReply, { file, expected }: Recording): void {
  expect(asked.text).toBe(expected.content)
  expect(asked.reasoning).toBe(REASONING[file] ?? expected.reasoning)
  expect(
    asked.toolCalls.map(({ id, name, arguments: args }) => ({ id, name, arguments: args })),
  ).toEqual(expected.toolCalls)
  const { usage } = expected
  expect(asked.end?.usage?.inputTokens).toBe(usage?.input)
  expect(asked.end?.usage?.outputTokens).toBe(usage?.output)
  expect(asked.end?.usage?.reasoningTokens).toBe(usage?.reasoning)
  expect(asked.end?.usage?.cacheReadTokens).toBe(usage?.cachedInput ?? usage?.cacheRead)
  if (usage?.cacheWrite !== undefined) {
    expect(asked.end?.usage?.cacheWriteTokens).toBe(usage.cacheWrite)
  }
}

function readRecordings(): readonly Recording[] {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
  return (manifest as readonly Recording[]).filter(({ format }) => format in DIALECTS)
}

const hasRecordings = folder !== '' && existsSync(join(folder, 'manifest.json'))

describe.skipIf(!hasRecordings)('recorded replies', () => {
  const recordings = hasRecordings ? readRecordings() : []
  let provider: Provider
  let transport: Transport

  beforeAll(async () => {
    provider = await startProvider()
    transport = transportFor()
  })

  afterAll(async () => {
    await transport.close()
    await provider.close()
  })

  function requestFor({ format }: Recording): ReplyRequest {
    const dialect = DIALECTS[format] ?? 'chat-completions'
    return requestTo('', { target: targetAt(provider.url, { dialect }) })
  }

  const streams = recordings.filter(({ kind }) => kind !== 'http-error')
  const cases = Object.keys(WRITINGS).flatMap((writing) =>
    streams.map((recording) => [recording.file, writing, recording] as const),
  )

  test.each(cases)('%s assembles as expected, %s', async (file, writing, recording) => {
    const bytes = readFileSync(join(folder, file))
    provider.next(raw(WRITINGS[writing]?.(bytes) ?? []))

    const asked = await ask(transport, requestFor(recording)).ended

    expectAssembled(asked, recording)
    if (recording.kind === 'reply') {
      const reason = recording.expected.finishReason ?? ''
      expect(asked.error).toBeUndefined()
      expect(asked.end?.finishReason).toBe(FINISH_REASONS[reason] ?? reason)
    } else if (recording.kind === 'truncated') {
      const isMarked = bytes.toString().includes('data: [DONE]')
      expect(asked.error?.code).toBe(isMarked ? undefined : 'stream-truncated')
      expect(asked.end?.finishReason).toBeUndefined()
    } else expect(asked.error).toBeDefined()
  })

  const errors = recordings.filter(({ kind }) => kind === 'http-error')

  test.each(errors.map((recording) => [recording.file, recording] as const))(
    '%s ends with its status and message',
    async (file, recording) => {
      const { status = 0, contentType = '' } = recording
      const bytes = readFileSync(join(folder, file))
      provider.next(raw([bytes], { status, headers: { 'content-type': contentType } }))

      const { error } = await ask(transport, requestFor(recording)).ended

      const said = (JSON.parse(bytes.toString()) as { error: { message: string } }).error.message
      expect(error?.status).toBe(status)
      expect(error?.message).toContain(said)
    },
  )
})
