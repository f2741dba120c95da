/** Messages that are entered in the terminal chat while a reply streams, on a screen and in a pipe. */
import { describe, expect } from 'vitest'
import type { Provider } from '../support/provider.ts'
import { endless, steps, streamed } from '../support/scripts.ts'
import { answer, asked, questions, waits } from './chat-provider.ts'
import { type ChatStarter, test } from './chat-test.ts'
import type { ExampleProcess } from './example-process.ts'

const WIDE = { columns: 80, rows: 24 }
const NARROW = { columns: 32, rows: 12 }
const SIZES = [WIDE, NARROW]
const HELD = '1 message is held. /queue run sends it, /queue drop takes it back into the line.'

/** Waits for words that a narrow screen breaks. */
function says(process: ExampleProcess, words: string): Promise<string> {
  return process.shows((text) => text.replaceAll(/\s+/g, ' ').includes(words))
}

/** Asks a question, queues another one while its reply streams, and stops the reply. */
async function hold(process: ExampleProcess, text: string): Promise<void> {
  await waits(process)
  process.type('go\r')
  await process.shows('word word')
  process.type(`${text}\r`)
  await process.shows(`queued: ${text}`)
  process.pressCtrlC()
  await says(process, HELD)
  await waits(process)
}

/** Leaves behind a conversation with a held queue. */
async function leaveHeld(provider: Provider, chats: ChatStarter, text: string): Promise<void> {
  answer(provider, endless('word '))
  const process = chats.startOnScreen(WIDE)
  await hold(process, text)
  process.pressCtrlC()
  expect((await process.end({ input: false })).code).toBe(0)
}

describe.runIf(process.platform === 'linux')('the queue of the chat', () => {
  test.for(SIZES)(
    'answers messages that were entered during a reply one after another, at $columns columns',
    async (size, { provider, chats }) => {
      const [first, second] = [steps(), steps()]
      answer(
        provider,
        streamed(['One', ' end'], { gate: first.gate }),
        streamed(['Two', ' end'], { gate: second.gate }),
        streamed(['Three.']),
      )
      const process = chats.startOnScreen(size)
      await waits(process)
      process.type('go\r')
      first.step()
      await process.shows('One')

      process.type('second question\rthird question, which is rather long\rkept')
      const cut =
        size === NARROW ? 'third question, which …' : 'third question, which is rather long'
      await process.shows((text) =>
        text.endsWith(`One\nqueued: second question\nqueued: ${cut}\nyou> kept`),
      )
      expect(asked(provider)).toHaveLength(1)
      first.step()
      second.step()
      await process.shows((text) =>
        text.endsWith(`you> second question\nm:\nTwo\nqueued: ${cut}\nyou> kept`),
      )
      expect(asked(provider)).toHaveLength(2)
      second.step()
      await process.shows('m:\nThree.')
      await waits(process, 'kept')

      expect(process.screen.text).not.toContain('queued:')
      expect(questions(provider)).toEqual([
        'go',
        'second question',
        'third question, which is rather long',
      ])
    },
  )

  test.for(SIZES)(
    'is held by Ctrl-C, and says so, at $columns columns',
    async (size, { provider, chats }) => {
      answer(provider, endless('word '), streamed(['Two.']), streamed(['Three.']))
      const process = chats.startOnScreen(size)
      await waits(process)
      process.type('go\r')
      await process.shows('word word')
      process.type('second\rthird\r')
      await process.shows('queued: second\nqueued: third')

      process.pressCtrlC()
      await says(
        process,
        '2 messages are held. /queue run sends them, /queue drop takes them back into the line.',
      )
      await waits(process)
      await asked(provider)[0]?.closed
      expect(process.screen.text).not.toContain('queued:')
      process.type('/queue\r')
      await process.shows('\n  1  second\n  2  third\n')
      await waits(process)
      expect(asked(provider)).toHaveLength(1)

      process.type('/queue run\r')
      await process.shows('you> second\nm:\nTwo.')
      await process.shows('you> third\nm:\nThree.')
      await waits(process)
      expect(questions(provider)).toEqual(['go', 'second', 'third'])
    },
  )

  test('gives dropped messages back for editing', async ({ provider, chats }) => {
    answer(provider, endless('word '), streamed(['Done.']))
    const process = chats.startOnScreen(WIDE)
    await hold(process, 'later')

    process.type('/queue drop\r')
    await process.shows('1 message was taken out of the queue.')
    await waits(process, 'later')
    process.type(' on\r')
    await process.shows('Done.')
    expect(questions(provider)).toEqual(['go', 'later on'])
  })

  test('is emptied while a reply streams, which goes on', async ({ provider, chats }) => {
    const deltas = steps()
    answer(provider, streamed(['One', ' end'], { gate: deltas.gate }), streamed(['Two.']))
    const process = chats.startOnScreen(WIDE)
    await waits(process)
    process.type('go\r')
    deltas.step()
    await process.shows('One')
    process.type('second\r')
    await process.shows('queued: second')

    process.type('/queue drop\r')
    await process.shows((text) => text.endsWith('taken out of the queue.\nyou> second'))
    deltas.step()
    await process.shows(/ s\nyou> second$/)
    expect(asked(provider)).toHaveLength(1)
  })

  test('is held when a reply fails', async ({ provider, chats }) => {
    const deltas = steps()
    answer(
      provider,
      streamed(['One', ' two'], { gate: deltas.gate, finishReason: null, done: false }),
    )
    const process = chats.startOnScreen(WIDE)
    await waits(process)
    process.type('go\r')
    deltas.step()
    await process.shows('One')
    process.type('and then?\r')
    await process.shows('queued: and then?')
    deltas.step()

    await process.shows(`What had arrived is kept.\n${HELD}`)
    await waits(process)
    expect(asked(provider)).toHaveLength(1)
  })

  test('keeps a new question in the line while it is held', async ({ provider, chats }) => {
    answer(provider, endless('word '))
    const process = chats.startOnScreen(WIDE)
    await hold(process, 'later')

    process.type('something else\r')
    await says(process, '/queue run sends the held messages first')
    await waits(process, 'something else')
    expect(asked(provider)).toHaveLength(1)
  })

  test.for(SIZES)(
    'is there after a restart, held, and says so, at $columns columns',
    async (size, { provider, chats }) => {
      await leaveHeld(provider, chats, 'later')
      answer(provider, streamed(['Done.']))

      const process = chats.startOnScreen(size, { args: ['--continue'] })
      await says(process, HELD)
      await waits(process)
      expect(questions(provider)).toEqual(['go'])
      process.type('/queue run\r')
      await process.shows('you> later\nm:\nDone.')
      expect(questions(provider)).toEqual(['go', 'later'])
    },
  )

  test('is run by a line of a pipe, and refuses a question with exit code 1', async ({
    provider,
    chats,
  }) => {
    await leaveHeld(provider, chats, 'later')
    answer(provider, streamed(['Done.']))

    const refused = await chats.start('--continue', 'more').end()
    expect(refused.code).toBe(1)
    expect(refused.stdout).toBe('')
    expect(refused.stderr).toContain('/queue run sends the held messages first')
    const process = chats.start('--continue', '--lines')
    process.say('/queue run')
    const { code, stdout } = await process.end()

    expect(code).toBe(0)
    expect(stdout).toBe('Done.\n')
    expect(questions(provider)).toEqual(['go', 'later'])
  })

  test('is shown without colours where they are not wanted', async ({ provider, chats }) => {
    answer(provider, endless('word '))
    const process = chats.startOnScreen(WIDE, { env: { NO_COLOR: '1' } })
    await hold(process, 'later')
    process.pressCtrlC()

    // oxlint-disable-next-line no-control-regex -- colours, not the cursor movements of a prompt
    expect((await process.end({ input: false })).stdout).not.toMatch(/\u001B\[[\d;]*m/)
  })
})
