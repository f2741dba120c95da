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

const QUEUE = ['select … conversation', 'with recursive line(id,']
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
