/**
 * What reading bytes from outside costs, compared at two sizes.
 *
 * CPU of the whole process counts, the scripted server included: that part is linear.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { requestTo, targetAt, transportFor } from './asking.ts'

/** An entry of bytes, and its worst input of a size. */
export interface Entry {
  readonly name: string
  /** The bytes that the server writes, with status line and headers. Made before it is measured. */
  readonly made: (size: number) => Buffer
  /** The smaller of the two sizes. */
  readonly size: number
  /** @defaultValue a streamed reply */
  readonly asks?: 'stream' | 'answer' | 'models'
  readonly dialect?: 'responses' | 'messages'
  /** True if a limit cuts off inputs that are much larger. */
  readonly isLimited?: boolean
}

const ROUNDS = 3
/** A growth that is too steep is measured again: the machine may have been busy at one size. */
const ATTEMPTS = 3

/** Four times the input costs at most eight times as much. */
export async function expectLinear(entry: Entry): Promise<void> {
  const ratios: number[] = []
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const [small, large] = [await costOf(entry, 1), await costOf(entry, 4)]
    // Below this, the requests themselves are most of the cost.
    const floor = 15_000
    ratios.push(large / Math.max(small, floor))
    if (Math.min(...ratios) < 8) break
  }

  expect(Math.min(...ratios)).toBeLessThan(8)
}

/** The least CPU, in microseconds, that one request takes. Other work on the machine only adds. */
export async function costOf({ made, size, ...entry }: Entry, times: number): Promise<number> {
  const bytes = made(size * times)
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.end(bytes))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const costs: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    await using transport = transportFor()
    const before = process.cpuUsage()
    await asked(transport, url, entry)
    const { user, system } = process.cpuUsage(before)
    costs.push(user + system)
  }
  return Math.min(...costs)
}

async function asked(
  transport: ReturnType<typeof transportFor>,
  url: string,
  { asks = 'stream', dialect }: Pick<Entry, 'asks' | 'dialect'>,
): Promise<unknown> {
  const target = targetAt(url, dialect === undefined ? {} : { dialect })
  if (asks === 'models') return transport.listModels(target).catch(() => undefined)
  // A sink that keeps nothing, so that only the transport costs something.
  const over = Promise.withResolvers<void>()
  transport.reply(requestTo(url, { target, stream: asks === 'stream' }), {
    started() {},
    deltas() {},
    finished: () => over.resolve(),
    failed: () => over.resolve(),
  })
  return over.promise
}
