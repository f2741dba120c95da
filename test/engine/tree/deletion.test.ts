/** The deletion of any tree: nothing of it is left in a table, and no call finds anything of it. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Script } from '../../../src/testing.ts'
import type { Engine, Message, Turn } from '../../../src/index.ts'
import { testDatabase } from '../../support/engine.ts'
import { endless } from '../../support/scripts.ts'
import { rowsInTables } from '../../support/stored-data.ts'
import { outcomeOf } from '../../support/waiting.ts'
import { anything, calling, done, toolChat } from '../tools/tool-chat.ts'

/** A call, with a number that picks the message it names from those that there are. */
const call = fc.record({
  kind: fc.constantFrom(
    'send',
    'send after',
    'send first',
    'send with a key',
    'send with tools',
    'edit',
    'regenerate',
    'switch' as const,
  ),
  pick: fc.nat(),
})
type Call = typeof call extends fc.Arbitrary<infer Value> ? Value : never

/** What a conversation is besides the calls that were made in it. */
const scene = fc.record({
  calls: fc.array(call, { maxLength: 10 }),
  /** More than one transaction deletes. */
  isLarge: fc.boolean(),
  isForked: fc.boolean(),
  isArchived: fc.boolean(),
  /** A turn runs, and one is queued behind it. */
  isBusy: fc.boolean(),
})

const MANY: readonly { role: 'user' | 'assistant'; content: string }[] = Array.from(
  { length: 510 },
  (_, n) => ({ role: n % 2 === 0 ? 'user' : 'assistant', content: `message ${n}` }),
)

/** The tree as it grows: the ids by which it can be asked for. */
class Grown {
  readonly messages: Message[] = []
  readonly turns: string[] = []

  pick(number: number, role?: Message['role']): Message | undefined {
    const among = this.messages.filter((message) => role === undefined || message.role === role)
    return among[number % Math.max(1, among.length)]
  }

  add(turn: Turn, answer?: Message): void {
    this.turns.push(turn.id)
    this.messages.push(turn.userMessage, ...(answer === undefined ? [] : [answer]))
  }
}

/** Returns `undefined` if there is no message yet that the call could name. */
function turnOf(
  engine: Engine,
  id: string,
  grown: Grown,
  { kind, pick }: Call,
): Promise<Turn> | undefined {
  const text = `question ${pick}`
  const answered = grown.pick(pick, 'assistant')
  const asked = grown.pick(pick, 'user')
  switch (kind) {
    case 'send':
      return engine.send(id, text, { clientId: `client-${grown.turns.length}` })
    case 'send with tools':
      return engine.send(id, text, { tools: ['look'] })
    case 'send with a key':
      return engine.send(id, text, { idempotencyKey: `key-${grown.turns.length}` })
    case 'send first':
      return engine.send(id, text, { parentId: null, metadata: { from: 'a test' } })
    case 'send after':
      return answered && engine.send(id, text, { parentId: answered.id })
    case 'edit':
      return asked && engine.edit(asked.id, text)
    case 'regenerate':
      return answered && engine.regenerate(answered.id)
    default:
      return undefined
  }
}

async function grow(engine: Engine, id: string, calls: readonly Call[]): Promise<Grown> {
  const grown = new Grown()
  for (const each of calls) {
    if (each.kind === 'switch') {
      const message = grown.pick(each.pick)
      if (message !== undefined) await engine.switchBranch(message.id)
      continue
    }
    const turn = await turnOf(engine, id, grown, each)
    if (turn !== undefined) grown.add(turn, (await turn.reply).message)
  }
  return grown
}

const NOTHING = new Set<unknown>([
  undefined,
  'conversation-not-found',
  'message-not-found',
  'turn-not-found',
])

/** What calls on the tree give instead of saying that there is nothing. */
async function findings(engine: Engine, id: string, { messages, turns }: Grown) {
  const calls: readonly (() => Promise<unknown>)[] = [
    () => engine.getConversation(id),
    () => engine.listMessages(id),
    () => engine.listTurns(id),
    () => engine.listQueue(id),
    () => engine.send(id, 'hello'),
    ...messages.flatMap((message) => [
      () => engine.listBranches(message.id),
      () => engine.switchBranch(message.id),
      () => engine.fork(message.id),
      () => engine.edit(message.id, 'hello'),
    ]),
    ...turns.flatMap((turn) => [
      () => engine.getTurn(turn),
      () => engine.attachTurn(turn),
      () => engine.listCalls(turn),
    ]),
  ]
  const found = new Set<unknown>()
  for (const each of calls) {
    const outcome = await outcomeOf(each())
    found.add('error' in outcome ? (outcome.error as { code: string }).code : outcome.value)
  }
  return [...found].filter((each) => !NOTHING.has(each))
}

test('leaves no row in any table, and nothing that a call finds', async () => {
  const database = await testDatabase()
  const look = { description: 'Looks.', inputSchema: anything, execute: () => 'seen' }
  const { provider, engine } = await toolChat({ database, tools: { look } })
  const answers: Script = (exchange) => {
    const { tools, messages } = exchange.body as { tools?: object; messages: { role: string }[] }
    const asksForTools = tools !== undefined && messages.at(-1)?.role === 'user'
    return (asksForTools ? calling({ name: 'look' }) : done)(exchange)
  }
  await engine.startConversation({ id: 'kept', metadata: { folder: 'kept' }, tools: [] })
  provider.always(answers)
  await (
    await engine.send('kept', 'hello', { idempotencyKey: 'k' })
  ).reply
  const before = rowsInTables(database)
  const kept = await engine.listMessages('kept')
  let rows = 0

  await fc.assert(
    fc.asyncProperty(scene, async ({ calls, isLarge, isForked, isArchived, isBusy }) => {
      provider.always(answers)
      const { id } = await engine.startConversation({
        tools: [],
        metadata: { folder: 'gone' },
        messages: isLarge ? MANY : [],
      })
      const grown = await grow(engine, id, calls)
      const from = grown.messages.at(-1)
      const fork = isForked && from !== undefined ? await engine.fork(from.id) : undefined
      const forked = fork && (await engine.listMessages(fork.id))
      if (isArchived) await engine.archiveConversation(id, true)
      const ends: Promise<unknown>[] = []
      if (isBusy) {
        provider.always(endless())
        for (const sendPolicy of ['reject', 'queue'] as const) {
          const turn = await engine.send(id, sendPolicy, { sendPolicy })
          grown.add(turn)
          ends.push(outcomeOf(turn.reply))
        }
      }
      rows = Math.max(rows, Object.keys(rowsInTables(database)).length)

      await engine.deleteConversation(id)
      await Promise.all(ends)

      expect(await findings(engine, id, grown)).toEqual([])
      if (fork !== undefined) {
        expect(await engine.listMessages(fork.id)).toEqual(forked)
        await engine.deleteConversation(fork.id)
      }
      expect(rowsInTables(database)).toEqual(before)
      expect(await engine.listConversations({ where: { folder: 'gone' } })).toEqual([])
    }),
    { numRuns: 25 },
  )

  // The test proves little unless trees had rows in each table: these, steps, calls and branches.
  expect(rows).toBeGreaterThan(Object.keys(before).length + 2)
  expect(await engine.listMessages('kept')).toEqual(kept)
}, 60_000)
