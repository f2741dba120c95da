/** The statements of queued turns, counted at the driver: as many for a long queue as for a short one. */
import { expect, test } from 'vitest'
import type { SendPolicy } from '../../../src/index.ts'
import { driverCalls } from '../../support/driver-calls.ts'
import { accept, conversation } from '../records.ts'
import { newFile, open } from '../sqlite-files.ts'

/** Queues a turn, or an input that joins one. */
function queuing(turnId: string, named: SendPolicy, isBusy = true) {
  const { placement } = accept('c', turnId)
  return accept('c', turnId, {
    placement: { ...placement, named, isBusy, limit: 100, mayJoin: () => true },
  })
}

async function busy() {
  const store = await open(await newFile())
  await store.createConversation(conversation('c'))
  await store.acceptTurn(accept('c', 'running'))
  return { store, ...driverCalls() }
}

/** The order of the queue, and the turn with its inputs. */
const QUEUE = ['select … turn', 'select … turn', 'with recursive line(id,']
const OWN_TURN = ['insert into message', 'insert into turn', 'update conversation']

test.each([1, 20])('a queued turn behind %i others costs the same', async (others) => {
  const { store, run } = await busy()
  for (let n = 0; n < others; n += 1) await store.acceptTurn(queuing(`q${n}`, 'queue'))
  const before = run().length

  await store.acceptTurn(queuing('next', 'queue'))

  expect(run().slice(before)).toEqual([
    'begin immediate',
    'select … conversation',
    'select … turn',
    ...OWN_TURN,
    ...QUEUE,
    'commit',
  ])
})

test('a queued turn reads no text of turns that its caller has', async () => {
  const { store, read } = await busy()
  for (let n = 0; n < 3; n += 1) await store.acceptTurn(queuing(`q${n}`, 'queue'))
  const before = read().length

  const placed = await store.acceptTurn(queuing('next', 'queue'))

  expect(placed).toMatchObject({
    queue: ['q0', 'q1', 'q2', 'next'],
    turns: [{ turn: { id: 'next' }, messages: [{ text: 'question next' }] }],
  })
  expect(JSON.stringify(read().slice(before))).not.toMatch(/question q\d/)
})

test('a queued turn brings the others with it if its caller lacks one of them', async () => {
  const { store } = await busy()
  for (let n = 0; n < 3; n += 1) await store.acceptTurn(queuing(`q${n}`, 'queue'))
  const next = queuing('next', 'queue')
  const placement = { ...next.placement, isLive: (id: string) => id !== 'q1' }

  const placed = await store.acceptTurn({ ...next, placement })

  expect(placed).toMatchObject({
    queue: ['q0', 'q1', 'q2', 'next'],
    turns: ['q0', 'q1', 'q2', 'next'].map((id) => ({
      turn: { id },
      messages: [{ text: `question ${id}` }],
    })),
  })
})

test.each([1, 20])('an input that joins %i others costs the same', async (n) => {
  const { store, run } = await busy()
  for (let at = 0; at < n; at += 1) await store.acceptTurn(queuing(`m${at}`, 'merge'))
  const before = run().length

  const placed = await store.acceptTurn(queuing('next', 'merge'))

  expect(placed).toMatchObject({ place: 'joined', turnId: 'm0' })
  expect(run().slice(before)).toEqual([
    'begin immediate',
    'select … conversation',
    'select … turn',
    'select … message',
    'insert into message',
    'update turn',
    'update conversation',
    ...QUEUE,
    'commit',
  ])
  const [queued] = await store.listQueue('c')
  expect(queued?.messages.map(({ id }) => id)).toEqual(
    [...Array.from({ length: n }, (_, at) => `m${at}`), 'next'].map((id) => `input-${id}`),
  )
})
