/** The statements of a turn, counted at the driver. */
import { expect, test } from 'vitest'
import { driverCalls } from '../../support/driver-calls.ts'
import { accept, conversation, end } from '../records.ts'
import { newFile, open } from '../sqlite-files.ts'

const BEGINNING = ['select … conversation', 'insert into message', 'insert into turn']
const ENDING = ['update turn', 'insert into message']
const HEAD = 'update conversation'

test('a turn is two transactions of six and five statements', async () => {
  const store = await open(await newFile())
  await store.createConversation(conversation('c'))
  const { run } = driverCalls()

  await store.acceptTurn(accept('c', 't'))
  const beginning = ['begin immediate', ...BEGINNING, HEAD, 'commit']
  expect(run()).toEqual(beginning)

  await store.endTurn(end('c', 't'))
  expect(run()).toEqual([...beginning, 'begin immediate', ...ENDING, HEAD, 'commit'])
})

test('turns that begin together, and end together, share beginning and commit', async () => {
  const store = await open(await newFile())
  const ids = Array.from({ length: 100 }, (_, index) => `${index}`)
  await Promise.all(ids.map((id) => store.createConversation(conversation(id))))
  const { run } = driverCalls()

  await Promise.all(ids.map((id) => store.acceptTurn(accept(id, `t${id}`))))
  expect(run()).toHaveLength(2 + 4 * ids.length)

  await Promise.all(ids.map((id) => store.endTurn(end(id, `t${id}`))))
  expect(run()).toHaveLength(2 * 2 + (4 + 3) * ids.length)
})

test('a statement is compiled once', async () => {
  const store = await open(await newFile())
  const turn = async (id: string) => {
    await store.createConversation(conversation(id))
    await store.getConversation(id)
    await store.acceptTurn(accept(id, `t${id}`))
    await store.listMessages(id)
    await store.endTurn(end(id, `t${id}`))
  }
  await turn('a')
  const { compiled, run } = driverCalls()

  await turn('b')

  expect(run()).toHaveLength(4 + 1 + 6 + 2 + 5)
  expect(compiled()).toEqual([])
})

test('a lone input that follows another write does not wait for the writer to rest', async () => {
  const store = await open(await newFile())
  await store.createConversation(conversation('c'))
  let tasks = 0
  setImmediate(() => {
    tasks += 1
  })

  await store.acceptTurn(accept('c', 't'))
  expect(tasks).toBe(0)

  await store.endTurn(end('c', 't'))
  expect(tasks).toBe(1)
})
