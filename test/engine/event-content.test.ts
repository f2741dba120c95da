/** Subscribers that want a part of a reply's content, or none of it. */
import { onTestFinished, describe, expect, test, vi } from 'vitest'
import { Feed } from '../../src/feed/feed.ts'
import type { ConversationEvent, Engine, EventOptions } from '../../src/index.ts'
import { GrowingReply } from '../../src/reply/growing-reply.ts'
import { testChat, testEngine } from '../support/engine.ts'
import { arrivals, rebuiltText } from '../support/reading.ts'
import { steps, streamed } from '../support/scripts.ts'

const STORY = ['Once', ' upon', ' a', ' time']

function logOf(engine: Engine, options: EventOptions): ConversationEvent[] {
  const log: ConversationEvent[] = []
  engine.events(options).subscribe((event) => log.push(event))
  return log
}

function isContent({ type }: ConversationEvent): boolean {
  return type === 'reply.delta' || type === 'reply.snapshot'
}

function typesOf(log: readonly ConversationEvent[]): string[] {
  return log.map(({ type }) => type)
}

/** Counts what the feed makes: events of content, and copies of the parts for snapshots. */
function making(): { readonly deltas: number; readonly snapshots: number; readonly parts: number } {
  const publish = vi.spyOn(Feed.prototype, 'publish')
  const parts = vi.spyOn(GrowingReply.prototype, 'parts')
  const place = vi.spyOn(GrowingReply.prototype, 'place')
  onTestFinished(() => [publish, parts, place].forEach((spy) => spy.mockRestore()))
  const published = (type: string) => publish.mock.calls.filter(([e]) => e.type === type).length
  return {
    get deltas() {
      return published('reply.delta') + place.mock.calls.length
    },
    get snapshots() {
      return published('reply.snapshot')
    },
    get parts() {
      return parts.mock.calls.length
    },
  }
}

describe.each([0, 100])('with %i ms between snapshots', (emitIntervalMs) => {
  test('each subscriber gets the content that it wants, and all other events', async () => {
    const { provider, engine, conversation } = await testChat({ emitIntervalMs })
    provider.next(streamed(STORY))
    const { id: conversationId } = conversation
    const all = logOf(engine, { conversationId })
    const none = logOf(engine, { conversationId, content: false })
    const deltas = logOf(engine, { content: 'deltas' })
    const snapshots = logOf(engine, { content: 'snapshots' })

    await (
      await engine.send(conversationId, 'a story')
    ).reply

    expect(none).toEqual(all.filter((event) => !isContent(event)))
    expect(deltas).toEqual(all.filter(({ type }) => type !== 'reply.snapshot'))
    expect(snapshots).toEqual(all.filter(({ type }) => type !== 'reply.delta'))
    expect(typesOf(all)).toEqual(expect.arrayContaining(['reply.delta', 'reply.snapshot']))
    expect(rebuiltText(deltas)).toBe(STORY.join(''))
  })

  test('a late one gets the phase, one snapshot if it wants content, and then what it wants', async () => {
    const { provider, engine, conversation } = await testChat({ emitIntervalMs })
    const { gate, step } = steps()
    const arrived = arrivals(engine, conversation.id)
    provider.next(streamed(STORY, { gate }))
    const turn = await engine.send(conversation.id, 'a story')
    step(2)
    await arrived.chars('Once upon'.length)
    const late = (['deltas', 'snapshots', false] as const).map((content) => ({
      content,
      log: logOf(engine, { conversationId: conversation.id, content }),
    }))

    step(2)
    await turn.reply

    for (const { content, log } of late) {
      const [phase, first, ...live] = log
      expect(phase).toMatchObject({ type: 'turn.phase', phase: 'receiving' })
      if (content === false) {
        expect(log.filter(isContent)).toEqual([])
      } else {
        expect(first).toMatchObject({ type: 'reply.snapshot', snapshot: { text: 'Once upon' } })
        const kind = content === 'deltas' ? 'reply.delta' : 'reply.snapshot'
        expect(new Set(typesOf(live.filter(isContent)))).toEqual(new Set([kind]))
      }
      expect(log.at(-1)?.type).toBe('turn.done')
    }
    expect(rebuiltText(late[0]?.log ?? [])).toBe(STORY.join(''))
  })
})

describe('what nobody wants', () => {
  test.each<[string, readonly EventOptions[]]>([
    ['in a conversation', [{ conversationId: 'c', content: false }]],
    ['of an owner', [{ ownerId: 'ann', content: false }]],
    ['anywhere', [{ content: false }, { conversationId: 'other' }, { ownerId: 'ben' }]],
  ])('is not made where subscribers %s want no content', async (_, selections) => {
    const { provider, engine } = await testChat()
    await engine.startConversation({ id: 'c', ownerId: 'ann' })
    const [log] = selections.map((selection) => logOf(engine, selection))
    provider.next(streamed(STORY))
    const made = making()

    const turn = await engine.send('c', 'a story')
    await turn.reply

    // The saved reply takes its parts once, as the seal does to look for tool calls.
    expect(made).toMatchObject({ deltas: 0, snapshots: 0 })
    expect(made.parts).toBeLessThanOrEqual(2)
    expect(typesOf(log ?? [])).toEqual([
      'turn.accepted',
      ...Array.from({ length: 4 }, () => 'turn.phase'),
      'turn.done',
    ])
  })

  test('is not made for those who want the other form', async () => {
    for (const content of ['deltas', 'snapshots'] as const) {
      const { provider, engine, conversation } = await testChat()
      logOf(engine, { content })
      provider.next(streamed(STORY))
      const made = making()

      await (
        await engine.send(conversation.id, 'a story')
      ).reply

      if (content === 'deltas') expect(made.snapshots).toBe(0)
      else expect(made.deltas).toBe(0)
      vi.restoreAllMocks()
    }
  })

  test('is counted all the same: each delta has its number', async () => {
    const { provider, engine, conversation } = await testChat()
    const { gate, step } = steps()
    const arrived = arrivals(engine, conversation.id)
    const log = logOf(engine, { content: false })
    provider.next(streamed(STORY, { gate }))
    const turn = await engine.send(conversation.id, 'a story')
    for (const [n] of STORY.entries()) {
      step()
      await arrived.chars(STORY.slice(0, n + 1).join('').length)
    }
    await turn.reply

    const [receiving, saving] = log.slice(-3)
    expect([receiving, saving]).toMatchObject([{ phase: 'receiving' }, { phase: 'saving' }])
    expect((saving?.seq ?? 0) - (receiving?.seq ?? 0)).toBeGreaterThan(STORY.length)
  })
})

test.each([
  [{ content: 'delta' }, 'content'],
  [{ content: null }, 'content'],
  [{ conversationId: 7 }, 'conversationId'],
  [{ ownerId: '' }, 'ownerId'],
  [{ ownerId: 'x'.repeat(201) }, 'ownerId'],
  [{ owner: 'ann' }, 'owner'],
  [7, 'events'],
  [null, 'events'],
])('%j is no selection of events', async (selection, where) => {
  const engine = await testEngine()
  expect(() => engine.events(selection as never)).toThrow(
    expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining(where) }),
  )
})
