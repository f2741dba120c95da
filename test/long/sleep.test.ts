/** The memory of very many conversations that fall asleep. */
import { expect, test } from 'vitest'
import { runScript } from '../support/child-process.ts'
import { testDatabase, testProvider } from '../support/engine.ts'
import { chunk, streamed } from '../support/scripts.ts'

const CONVERSATIONS = Number(process.env['CONVERSATIONS'] ?? 20_000)

interface Found {
  readonly bytes: { readonly awake: number; readonly streaming: number; readonly sleeping: number }
  readonly allAwake: Actors
  readonly most: Actors
  readonly left: Actors
  readonly growthInKiB: readonly number[]
}

interface Actors {
  readonly conversations: number
  readonly supervisors: number
}

test(
  'sending to very many conversations keeps few awake, and memory as it was',
  async () => {
    const provider = await testProvider()
    const hello = streamed(['Hello'])
    provider.always(async (exchange) => {
      // The records of the test's own provider do not count.
      ;(provider.requests as unknown[]).length = 0
      const { messages } = exchange.body as { messages: { content: string }[] }
      if (messages[0]?.content !== 'hold') return hello(exchange)
      exchange.write(chunk({ content: 'Hold' }))
      return exchange.closed
    })
    const script = new URL('./children/many-conversations.ts', import.meta.url)
    const args = [provider.url, await testDatabase(), `${CONVERSATIONS}`]
    const { message, exitCode, stderr } = await runScript(script, args, ['--expose-gc'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    const found = message as Found
    process.stdout.write(`${JSON.stringify(found)}\n`)

    expect(found.allAwake.conversations).toBe(2_000)
    // A conversation stays awake for at most 1,250 ms at rest. In that time no more than 125 others
    // come, and they come in batches of 250.
    expect(found.most.conversations).toBeGreaterThan(0)
    expect(found.most.conversations).toBeLessThanOrEqual(500)
    expect(found.most.supervisors).toBeLessThanOrEqual(32)
    expect(found.left).toEqual({ conversations: 0, supervisors: 0 })
    // Memory that conversations leave behind would show here for three quarters of them.
    const [first = 0, , , last = 0] = found.growthInKiB
    expect((last - first) / (CONVERSATIONS * 0.75)).toBeLessThan(0.1)
    expect(found.bytes.sleeping).toBeLessThan(found.bytes.awake / 10)
  },
  Math.max(600_000, CONVERSATIONS * 20),
)
