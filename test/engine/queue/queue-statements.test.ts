/**
 * The statements of queued turns, from a send to the start, counted at the driver. Which of them share a
 * transaction depends on when they come to the writer, so its `begin` and `commit` are left out.
 */
import { expect, test } from 'vitest'
import { driverCalls } from '../../support/driver-calls.ts'
import { busyChat, queueOf } from './chat.ts'

/** Without writes of a reply that streams: they come by the clock. */
const quietChat = () => busyChat({ checkpointMs: Infinity })

function statements() {
  const { run } = driverCalls()
  return () => run().filter((call) => call !== 'begin immediate' && call !== 'commit')
}

/** The end of a reply that is done. */
const DONE = ['update turn', 'insert into message', 'update conversation']
/** The end of a turn that has no content yet. */
const CANCELLED = ['update turn', 'update conversation']
/** The end of a queued turn checks the epoch of the database, and reads the inputs, which come back. */
const WITHDRAWN = ['select … setting', ...CANCELLED, 'with recursive line(id,']
/** The send of a turn that replaces: it is queued. The order of the queue is read, and the turn. */
const REPLACING = [
  'select … conversation',
  'select … turn',
  'insert into message',
  'insert into turn',
  'update conversation',
  'select … turn',
  'select … turn',
  'with recursive line(id,',
]
const HISTORY = ['select … message']

/** The start of a queued turn: the turn gets its place, and so does each of its inputs. */
const started = (inputs: number) => [
  'select … conversation',
  'select … turn',
  'with recursive line(id,',
  ...Array.from({ length: inputs }, () => 'update message'),
  'update turn',
  'update conversation',
]

const withdrawn = (turns: number) => Array.from({ length: turns }, () => WITHDRAWN).flat()

test.each([0, 1, 12])('the start of a turn before %i others costs the same', async (others) => {
  const { engine, id, gate } = await quietChat()
  const next = await engine.send(id, 'next')
  for (let n = 0; n < others; n += 1) await engine.send(id, `other ${n}`)
  const ran = statements()

  gate.open()
  await next.started

  expect(ran()).toEqual([...DONE, ...started(1), ...HISTORY])
})

test.each([1, 2, 12])('the start of a turn writes each of %i inputs once', async (inputs) => {
  const { engine, id, gate } = await quietChat()
  const next = await engine.send(id, 'input 1', { sendPolicy: 'merge' })
  for (let n = 2; n <= inputs; n += 1) {
    await engine.send(id, `input ${n}`, { sendPolicy: 'merge' })
  }
  const ran = statements()

  gate.open()
  await next.started

  expect(ran()).toEqual([...DONE, ...started(inputs), ...HISTORY])
})

test.each([0, 1, 12])(
  'a turn that replaces costs four statements for each of %i queued ones',
  async (others) => {
    const { engine, id } = await quietChat()
    for (let n = 0; n < others; n += 1) await engine.send(id, `other ${n}`)
    const ran = statements()

    const turn = await engine.send(id, 'instead', { sendPolicy: 'replace' })
    await turn.started

    expect(ran()).toEqual([
      ...REPLACING,
      ...withdrawn(others),
      ...CANCELLED,
      ...started(1),
      ...HISTORY,
    ])
    expect(await queueOf(engine, id)).toEqual([])
  },
)

test.each([1, 12])(
  'a turn that replaces costs four statements for each of %i held ones',
  async (held) => {
    const { engine, id } = await quietChat()
    for (let n = 0; n < held; n += 1) await engine.send(id, `held ${n}`)
    await engine.cancel(id)
    const ran = statements()

    const turn = await engine.send(id, 'instead', { sendPolicy: 'replace' })
    await turn.reply

    // The history is read while turns are ended.
    const expected = [...REPLACING, ...started(1), ...withdrawn(held), ...HISTORY, ...DONE]
    expect(ran().toSorted()).toEqual(expected.toSorted())
    expect(await queueOf(engine, id)).toEqual([])
  },
)
