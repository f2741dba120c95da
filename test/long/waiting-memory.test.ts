/** The memory of very many turns that wait for an approval, while nobody has a handle of them. */
import { expect, test } from 'vitest'
import { runScript } from '../support/child-process.ts'
import { testDatabase, testProvider } from '../support/engine.ts'
import { calling } from '../engine/tools/tool-chat.ts'

const TURNS = Number(process.env['TURNS'] ?? 4_000)

test('a turn that waits and sleeps takes at most 1 kB', { timeout: 240_000 }, async () => {
  const provider = await testProvider()
  const ask = calling({ name: 'ask', input: { text: 'x'.repeat(2_000) } })
  provider.always((exchange) => {
    // The records of the test's own provider do not count.
    ;(provider.requests as unknown[]).length = 0
    return ask(exchange)
  })
  const script = new URL('./children/waiting-turns.ts', import.meta.url)
  const args = [provider.url, await testDatabase(), `${TURNS}`]
  const { message, exitCode, stderr } = await runScript(script, args, ['--expose-gc'])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const { bytes } = message as { readonly bytes: number }
  process.stdout.write(`${Math.round(bytes)} bytes for each waiting turn\n`)
  expect(bytes).toBeLessThan(1_024)
})
