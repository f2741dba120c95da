/** The memory of a reply whose snapshots nobody reads, measured after garbage collection. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { testChat } from '../../support/engine.ts'
import { snapshotReader } from '../../support/reading.ts'
import { chunk, closedGate } from '../../support/scripts.ts'
import { shown, ticks } from '../../support/waiting.ts'

const DELTAS = 100_000
const PER_WRITE = 500
const WORD = 'word '

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

async function heapUsed(): Promise<number> {
  for (let n = 0; n < 3; n += 1) {
    await ticks()
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

/**
 * The bytes that a reply of 100,000 deltas takes while it streams. It has that many snapshot
 * readers that stopped, half of them before the first snapshot and half after it.
 */
async function bytesHeld(readers: number, emitIntervalMs: number): Promise<number> {
  const { provider, engine, conversation } = await testChat({ emitIntervalMs })
  const begun = closedGate()
  const measured = closedGate()
  const event = `data: ${JSON.stringify(chunk({ content: WORD }))}\n\n`
  provider.next(async (exchange) => {
    exchange.write(event)
    await begun.opened
    for (let sent = 1; sent < DELTAS; sent += PER_WRITE) {
      const count = Math.min(PER_WRITE, DELTAS - sent)
      const { response } = exchange
      if (!response.write(event.repeat(count))) {
        await new Promise((resolve) => response.once('drain', resolve))
      }
    }
    await measured.opened
    exchange.done(chunk({}, { finish_reason: 'stop' }))
  })
  const turn = await engine.send(conversation.id, 'a long story')
  await shown(turn, 1)
  const stopped = Array.from({ length: readers }, () => snapshotReader(turn))
  for (const [n, reader] of stopped.entries()) if (n % 2 === 0) await reader.next()
  const before = await heapUsed()
  begun.open()
  await shown(turn, DELTAS * WORD.length)
  const held = (await heapUsed()) - before
  measured.open()
  await turn.reply

  for (const reader of stopped) {
    const { value } = await reader.next()
    expect(value?.text.length).toBe(DELTAS * WORD.length)
  }
  return held
}

test.each([0, 100])(
  'readers that never read while 100,000 deltas pass hold nothing, at %i ms',
  async (emitIntervalMs) => {
    const held = await bytesHeld(100, emitIntervalMs)

    // The reply itself takes nearly 6 MB: a string for each delta, joined at the first read. One
    // snapshot kept for each delta would add 22 MB. One number for each delta and snapshot reader:
    // 80 MB.
    expect(held).toBeLessThan(12_000_000)
  },
)
