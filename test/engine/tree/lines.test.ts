/** Properties of any tree that sends, edits, regenerations and switches make. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Engine, Message } from '../../../src/index.ts'
import { testChat } from '../../support/engine.ts'
import { streamed } from '../../support/scripts.ts'
import { reply, sent } from './chat.ts'

/** A call, with a number that picks the message it names from those that there are. */
const call = fc.record({
  kind: fc.constantFrom(
    'send',
    'send after',
    'send first',
    'edit',
    'regenerate',
    'switch' as const,
  ),
  pick: fc.nat(),
})
type Call = typeof call extends fc.Arbitrary<infer Value> ? Value : never

/** What the tree must be: kept beside the engine, by parents alone. */
class Model {
  readonly messages: Message[] = []
  /** Every head that there was, newest last. */
  readonly #heads: Message[] = []

  add(...messages: readonly Message[]): void {
    this.messages.push(...messages)
    this.#heads.push(...messages)
  }

  get head(): Message | undefined {
    return this.#heads.at(-1)
  }

  lineTo(end: Message | undefined): readonly Message[] {
    const line: Message[] = []
    for (let at = end; at !== undefined; at = this.find(at.parentId)) line.unshift(at)
    return line
  }

  find(id: string | undefined): Message | undefined {
    return this.messages.find((message) => message.id === id)
  }

  /** Moves the head to where the line through a message was last left. */
  switchTo(message: Message): void {
    const below = this.#heads.findLast((head) => this.lineTo(head).includes(message))
    this.#heads.push(below ?? message)
  }

  siblingsOf({ parentId }: Message): readonly Message[] {
    return this.messages.filter((message) => message.parentId === parentId)
  }

  pick(number: number, role: Message['role'] | undefined): Message | undefined {
    const among = this.messages.filter((message) => role === undefined || message.role === role)
    return among[number % Math.max(1, among.length)]
  }
}

interface Scene {
  readonly chat: Awaited<ReturnType<typeof testChat>>
  readonly id: string
  readonly model: Model
}

let count = 0

/** Makes the call, and notes in the model what must come of it. Returns the messages of a turn. */
async function make({ chat, id, model }: Scene, { kind, pick }: Call): Promise<void> {
  const { provider, engine } = chat
  const named = {
    send: undefined,
    'send after': 'assistant',
    'send first': undefined,
    edit: 'user',
    regenerate: undefined,
    switch: undefined,
  } as const
  const message = model.pick(pick, named[kind])
  if (kind === 'switch') {
    if (message === undefined) return
    await engine.switchBranch(message.id)
    return model.switchTo(message)
  }
  const text = `question ${(count += 1)}`
  const asked = provider.requests.length
  provider.next(streamed([`answer ${count}`]))
  const begin = () => {
    if (kind === 'edit' && message !== undefined) return engine.edit(message.id, text)
    if (kind === 'regenerate' && message !== undefined) return engine.regenerate(message.id)
    if (kind === 'send first') return engine.send(id, text, { parentId: null })
    if (kind === 'send after') return engine.send(id, text, { parentId: message?.id })
    return engine.send(id, text)
  }
  const turn = await begin()
  const { message: answer } = await turn.reply
  const isNew = model.find(turn.userMessage.id) === undefined
  model.add(...(isNew ? [turn.userMessage] : []), answer)
  expect(answer.parentId).toBe(turn.userMessage.id)
  expect(await sent(provider, asked)).toEqual(
    model.lineTo(turn.userMessage).map((said) => said.text),
  )
}

async function treeOf(chat: Scene['chat'], calls: readonly Call[]): Promise<Scene> {
  const { id } = await chat.engine.startConversation()
  const scene = { chat, id, model: new Model() }
  for (const each of calls) await make(scene, each)
  return scene
}

const ids = (messages: readonly Message[]) => messages.map(({ id }) => id)

async function pagesBefore(
  engine: Engine,
  id: string,
  limit: number,
  between: () => Promise<void>,
): Promise<readonly string[]> {
  const seen: string[] = []
  let page = await engine.listMessages(id, { limit })
  while (page.length > 0) {
    seen.unshift(...ids(page))
    if (page.length < limit) break
    await between()
    page = await engine.listMessages(id, { limit, before: seen[0] })
  }
  return seen
}

test('a model sees exactly the line to the input, whatever tree there is', async () => {
  const chat = await testChat()
  const { engine } = chat
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 14 }), async (calls) => {
      const { id, model } = await treeOf(chat, calls)

      const line = await engine.listMessages(id)
      expect(ids(line)).toEqual(ids(model.lineTo(model.head)))
      expect((await engine.getConversation(id))?.headMessageId).toBe(model.head?.id)
      for (const message of model.messages) {
        const branches = await engine.listBranches(message.id)
        const siblings = model.siblingsOf(message)
        expect(ids(branches)).toEqual(ids(siblings))
        const through = await engine.listMessages(id, { through: message.id })
        const listed = through.find((each) => each.id === message.id)
        // Nothing is overwritten, renumbered or renamed.
        expect({ ...listed, siblings: undefined }).toEqual({ ...message, siblings: undefined })
        const place = { index: siblings.indexOf(message), count: siblings.length }
        expect(listed?.siblings).toEqual(siblings.length > 1 ? place : undefined)
        expect(branches.find((each) => each.id === message.id)).toEqual(listed)
      }
    }),
    { numRuns: 60 },
  )
}, 60_000)

test('pages give each message of a line once, in order, while others append and switch', async () => {
  const chat = await testChat()
  const { engine } = chat
  const some = fc.array(call, { minLength: 4, maxLength: 14 })
  const limits = fc.integer({ min: 1, max: 5 })
  await fc.assert(
    fc.asyncProperty(some, some, limits, async (calls, others, limit) => {
      const scene = await treeOf(chat, calls)
      const { id } = scene
      const line = ids(await engine.listMessages(id))
      const left = [...others]
      const between = async () => {
        const next = left.shift()
        if (next !== undefined) await make(scene, next)
      }

      expect(await pagesBefore(engine, id, limit, between)).toEqual(line)

      const through = line.at(-1)
      const forward = line.slice(0, 1)
      for (;;) {
        await between()
        const page = await engine.listMessages(id, { limit, after: forward.at(-1), through })
        forward.push(...ids(page))
        if (page.length < limit) break
      }
      // What was appended to the line meanwhile follows.
      expect(forward.slice(0, line.length)).toEqual(line)
      expect(new Set(forward).size).toBe(forward.length)
    }),
    { numRuns: 40 },
  )
}, 60_000)

test('a page is part of its line, at any cursor', async () => {
  const chat = await testChat()
  const { engine } = chat
  const calls = fc.array(call, { minLength: 3, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(calls, fc.nat(), fc.integer({ min: 1, max: 6 }), async (tree, pick, limit) => {
      const { id, model } = await treeOf(chat, tree)
      const cursor = model.pick(pick, undefined)
      // A tree of switches alone has no message.
      fc.pre(cursor !== undefined)
      const whole = ids(await engine.listMessages(id, { through: cursor.id }))
      const at = whole.indexOf(cursor.id)

      const before = await engine.listMessages(id, { before: cursor.id, limit })
      const after = await engine.listMessages(id, { after: cursor.id, limit })
      const above = await engine.listMessages(id, { before: cursor.id })

      expect(ids(before)).toEqual(whole.slice(Math.max(0, at - limit), at))
      expect(ids(after)).toEqual(whole.slice(at + 1, at + 1 + limit))
      expect(ids(above)).toEqual(whole.slice(0, at))
    }),
    { numRuns: 60 },
  )
}, 60_000)

test('a page is refused where it cannot be', async () => {
  const { engine, conversation } = await testChat()
  const { id } = conversation
  const message = await reply(engine.send(id, 'hi'))
  const other = await engine.startConversation()
  const refusals: [string, object, string][] = [
    [id, { before: 'nowhere' }, 'message-not-found'],
    [other.id, { after: message.id }, 'message-not-found'],
    [other.id, { through: message.id }, 'message-not-found'],
    ['nowhere', {}, 'conversation-not-found'],
    [id, { before: message.id, after: message.id }, 'invalid-option'],
    [id, { limit: 0 }, 'invalid-option'],
    [id, { limit: 501 }, 'invalid-option'],
    [id, { limit: 1.5 }, 'invalid-option'],
    [id, { offset: 3 }, 'invalid-option'],
    [id, { before: '' }, 'invalid-option'],
  ]

  for (const [conversationId, options, code] of refusals) {
    await expect(engine.listMessages(conversationId, options)).rejects.toMatchObject({ code })
  }

  expect(await engine.listMessages(id, { limit: 1 })).toEqual([message])
  expect(await engine.listMessages(id, { after: message.id })).toEqual([])
  expect(await engine.listMessages(other.id, { limit: 9 })).toEqual([])
})
