import { PassThrough } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import type { Interrupts } from '../../../examples/chat/interrupts.ts'
import type { Terminal } from '../../../examples/chat/terminal.ts'
import { TypedLines } from '../../../examples/chat/typed-lines.ts'

/** A line of a chat whose keys come from the test, and whose screen is not looked at. */
function typedLines() {
  const stdin = Object.assign(new PassThrough(), { setRawMode: () => stdin })
  const terminal = {
    area: { set: () => {} },
    said: () => {},
    control: () => {},
    clear: () => {},
    refresh: () => {},
  }
  const interrupts = { leaving: new AbortController().signal, arrived: () => {}, forget: () => {} }
  const lines = new TypedLines(
    stdin as unknown as NodeJS.ReadStream,
    terminal as unknown as Terminal,
    interrupts as unknown as Interrupts,
  )
  onTestFinished(() => lines.close())
  return { lines, type: (text: string) => stdin.write(text) }
}

test('a message that comes back while a decision is asked for does not become the answer', async () => {
  const { lines, type } = typedLines()
  const decision = lines.next('Run it? [y/n] ', 'decision')
  lines.giveBack(['y'])
  type('n\r')
  expect(await decision).toBe('n')

  const message = lines.next()
  type('\r')
  expect(await message).toBe('y')
})
