/** The exact number of statements of each call, whatever the size of the tree. */
import { expect, test } from 'vitest'
import type { Engine } from '../../../src/index.ts'
import { driverCalls } from '../../support/driver-calls.ts'
import { testChat } from '../../support/engine.ts'
import { reply, say } from './chat.ts'

/** Counts the statements of calls, without the `begin`, the `commit` and the look at the epoch. */
function statementsOf() {
  const { run } = driverCalls()
  let seen = 0
  return async (call: () => Promise<unknown>): Promise<number> => {
    await call()
    const made = run()
    const own = made.slice(seen).filter((sql) => !/^(begin|commit|select … setting)/.test(sql))
    seen = made.length
    return own.length
  }
}

async function chatOf(questions: number) {
  const chat = await testChat()
  const { id } = chat.conversation
  for (let n = 1; n <= questions; n += 1) await say(chat, id, `question ${n}`, `answer ${n}`)
  return { ...chat, id, line: await chat.engine.listMessages(id) }
}

/** Answers an input again, and goes on from the first answer. */
async function branch(engine: Engine, replyId: string, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) await reply(engine.regenerate(replyId))
  await engine.switchBranch(replyId)
}

test.each([2, 12])('a conversation of one branch with %i questions', async (questions) => {
  const { engine, id, line } = await chatOf(questions)
  const count = statementsOf()
  const [input, answer] = line as unknown as [{ id: string }, { id: string }]

  expect({
    all: await count(() => engine.listMessages(id)),
    page: await count(() => engine.listMessages(id, { limit: 2 })),
    before: await count(() => engine.listMessages(id, { before: answer.id, limit: 2 })),
    after: await count(() => engine.listMessages(id, { after: answer.id, limit: 2 })),
    through: await count(() => engine.listMessages(id, { through: answer.id })),
    branches: await count(() => engine.listBranches(answer.id)),
    send: await count(() => reply(engine.send(id, 'more'))),
    keyed: await count(() => reply(engine.send(id, 'more', { idempotencyKey: 'k' }))),
    named: await count(() => reply(engine.send(id, 'more', { clientId: 'n' }))),
    edit: await count(() => reply(engine.edit(input.id, 'other'))),
  }).toEqual({
    // The conversation and the messages; a cursor is one more.
    all: 2,
    page: 2,
    before: 3,
    after: 3,
    through: 3,
    branches: 2,
    // Four to accept, one for the history, three to end.
    send: 8,
    // The key is looked up and written.
    keyed: 10,
    named: 9,
    // The first branch brings a row for branch 0 too, and is activated. A first message has no history.
    edit: 1 + 7 + 2 + 1,
  })
})

test.each([
  [2, 1],
  [12, 30],
])('a tree of %i questions with %i other replies to one', async (questions, others) => {
  const { engine, id, line } = await chatOf(questions)
  const answers = line.filter(({ role }) => role === 'assistant')
  const [first, last] = [answers[0]?.id as string, answers.at(-1)?.id as string]
  await branch(engine, first, others)
  await branch(engine, last, others)
  const other = (await engine.listBranches(first)).at(-1)?.id as string
  const count = statementsOf()

  expect({
    all: await count(() => engine.listMessages(id)),
    page: await count(() => engine.listMessages(id, { limit: 2 })),
    before: await count(() => engine.listMessages(id, { before: last, limit: 2 })),
    after: await count(() => engine.listMessages(id, { after: first, limit: 2 })),
    through: await count(() => engine.listMessages(id, { through: other })),
    branches: await count(() => engine.listBranches(last)),
    send: await count(() => reply(engine.send(id, 'more'))),
    switched: await count(() => engine.switchBranch(other)),
    unmoved: await count(() => engine.switchBranch(other)),
    regenerated: await count(() => reply(engine.regenerate(other))),
    retried: await count(() => reply(engine.retry(id))),
    elsewhere: await count(() => reply(engine.send(id, 'more', { parentId: last }))),
  }).toEqual({
    // The siblings of a page are one more.
    all: 3,
    page: 3,
    before: 4,
    // The end of the line through the cursor: its branch.
    after: 5,
    through: 6,
    branches: 2,
    send: 8,
    // The message, the conversation, the line's end in two, the head, the branch.
    switched: 7,
    unmoved: 4,
    // The message; conversation, input, branch, turn, counter; reply and end, with the new line.
    regenerated: 1 + 5 + 3 + 2,
    retried: 6 + 3 + 2,
    // The parent is looked up, and the branch opened and activated.
    elsewhere: 8 + 3,
  })
})

test('a copy reads the line once, and writes each message by itself', async () => {
  const { engine, line } = await chatOf(4)
  const count = statementsOf()

  expect(await count(() => engine.fork(line[3]?.id as string))).toBe(4 + 4)
  expect(await count(() => engine.fork(line.at(-1)?.id as string))).toBe(4 + 8)
})
