/** What many readers share: one serialization of each event, one timer, one subscription. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { chatReply, steps } from '../../src/testing.ts'
import { CountingClock } from '../support/counting-clock.ts'
import { init, testHost } from './web-host.ts'
import { StreamReader } from './stream-reader.ts'

const READERS = 20

test('turns a delta into bytes once for all readers, and has no timer for each of them', async () => {
  const clock = new CountingClock()
  const host = await testHost({ clock })
  const { gate, step } = steps()
  host.provider.next(chatReply(['Once', ' upon', ' a time'], { gate }))
  const id = await host.conversation()
  const url = `${host.url}/conversations/${id}/events`
  const readers = await Promise.all(
    Array.from({ length: READERS }, () => StreamReader.open(url, init({}))),
  )
  for (const reader of readers) await reader.event('state')
  expect(clock.pending).toBe(1)
  await host.ask(`/conversations/${id}/messages`, { json: { input: 'hi' } })

  const stringify = vi.spyOn(JSON, 'stringify')
  onTestFinished(() => stringify.mockRestore())
  const texts = ['Once', 'Once upon', 'Once upon a time']
  for (const text of texts) {
    step(1)
    for (const reader of readers) await reader.until(() => reader.text === text)
  }
  for (const reader of readers) await reader.event('turn.done')
  const told = stringify.mock.calls.filter(([value]) => Object.hasOwn(Object(value), 'ops'))
  expect(told).toHaveLength(texts.length)
  await host.handler.close()
  expect(clock.pending).toBe(0)
})
