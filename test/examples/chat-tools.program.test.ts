/** The tools of the terminal chat: one that runs, and one that asks first. */
import { describe, expect } from 'vitest'
import { chatReply } from '../../src/testing.ts'
import type { Provider } from '../support/provider.ts'
import { endless } from '../support/scripts.ts'
import { answer, asked, waits } from './chat-provider.ts'
import { type ChatStarter, test } from './chat-test.ts'
import type { ExampleProcess } from './example-process.ts'

const SIZE = { columns: 100, rows: 40 }
const QUESTION = 'Run it? [y/n]'
const NOTE = { id: 'call-1', name: 'note', arguments: '{"text":"I was here."}' }

/** The results of tools in the newest request. */
function results(provider: Provider): unknown[] {
  const messages: readonly { role: string; content: unknown }[] =
    asked(provider).at(-1)?.body.messages ?? []
  return messages.filter(({ role }) => role === 'tool').map(({ content }) => content)
}

/** The chat asks about a call, and nothing but this is typed. */
function asks(process: ExampleProcess, typed = ''): Promise<string> {
  return process.shows((text) => text.endsWith(`\n${QUESTION} ${typed}`.trimEnd()))
}

/** Asks for a note, until the chat asks about it. */
async function askForNote(chats: ChatStarter): Promise<ExampleProcess> {
  const process = chats.startOnScreen(SIZE)
  await waits(process)
  process.type('leave a note\r')
  await asks(process)
  return process
}

/** Leaves by two Ctrl-C: the first one leaves the question. */
async function leave(process: ExampleProcess): Promise<void> {
  process.pressCtrlC()
  await process.shows('The call waits. /calls asks again.')
  await waits(process)
  process.pressCtrlC()
  expect((await process.end({ input: false })).code).toBe(0)
}

describe.runIf(process.platform === 'linux')('on a terminal', () => {
  test('a call that runs and its result are a line each, and the reply goes on', async ({
    provider,
    chats,
  }) => {
    const call = { id: 'call-1', name: 'time', arguments: '{"zone":"Europe/Oslo"}' }
    answer(provider, chatReply(['I look.'], { toolCalls: [call] }), chatReply(['It is late.']))
    const process = chats.startOnScreen(SIZE)
    await waits(process)
    process.type('what time is it?\r')
    await process.shows('It is late.')
    const text = await waits(process)

    expect(text).toMatch(
      /m:\nI look\.\ncalls time \{"zone":"Europe\/Oslo"\}\ntime returned \{"zone":"Europe\/Oslo","time":.*"\}\nm:\nIt is late\.\n/,
    )
    process.type('/show\r')
    await process.shows((shown) =>
      /It is late\.\n[^]*\ncalls time [^]*\ntime returned [^]*It is late\.\n/.test(shown),
    )
  })

  test('a call that asks is shown with its arguments, runs after a y, and the reply goes on', async ({
    provider,
    chats,
  }) => {
    answer(provider, chatReply(['I ask.'], { toolCalls: [NOTE] }), chatReply(['It is left.']))
    const process = await askForNote(chats)
    expect(process.screen.text).toContain('The model asks to run note {"text":"I was here."}\n')
    expect(process.screen.text).not.toContain('Note: I was here.')
    process.type('perhaps\r')
    await process.shows('y runs it.')
    await asks(process)
    expect(asked(provider)).toHaveLength(1)
    process.type('y\r')
    await process.shows('m:\nIt is left.')
    await waits(process)

    expect(process.screen.text).toContain('Note: I was here.\n')
    expect(process.screen.text).toContain('note returned {"printed":true}\n')
    expect(results(provider)).toEqual(['{"printed":true}'])
  })

  test.for(['--continue', '/open', '/calls'])(
    'a call that Ctrl-C left is asked about again after a restart, by %s, and a no denies it',
    async (way, { provider, chats }) => {
      answer(provider, chatReply(['I ask.'], { toolCalls: [NOTE] }), chatReply(['As you like.']))
      await leave(await askForNote(chats))

      const args = way === '--continue' ? [way] : []
      const process = chats.startOnScreen(SIZE, { args })
      if (args.length === 0) {
        await process.shows('A call waits for your answer in "leave a note": /calls asks.')
        await waits(process)
        process.type(way === '/open' ? '/open 1\r' : '/calls\r')
      }
      const text = await asks(process)
      expect(text.match(/I ask\./g)).toHaveLength(1)
      expect(text).toContain('The model asks to run note {"text":"I was here."}\n')
      expect(asked(provider)).toHaveLength(1)
      process.type('n, not now\r')
      await process.shows('m:\nAs you like.')
      await waits(process)

      expect(results(provider)).toEqual(['This call was not allowed. It did not run. not now'])
      expect(process.screen.text).not.toContain('Note: I was here.')
      process.type('/calls\r')
      await process.shows('No calls wait.')
    },
  )

  test('a message stays in the line while a call waits, and /calls asks again', async ({
    provider,
    chats,
  }) => {
    answer(provider, chatReply(['I ask.'], { toolCalls: [NOTE] }), chatReply(['It is left.']))
    const process = await askForNote(chats)
    process.pressCtrlC()
    await waits(process)
    process.type('next\r')
    await process.shows(
      'A call in this conversation waits for your answer.\n/calls shows what waits, and asks about it.',
    )
    await waits(process, 'next')
    expect(asked(provider)).toHaveLength(1)
    process.pressCtrlC()
    await waits(process)
    process.type('/calls\r')
    await asks(process)
    process.type('y\r')
    await process.shows('m:\nIt is left.')
  })

  test('Ctrl-C after an approval stops the reply', async ({ provider, chats }) => {
    answer(provider, chatReply(['I ask.'], { toolCalls: [NOTE] }), endless('word '))
    const process = await askForNote(chats)
    process.type('x')
    await asks(process, 'x')
    process.pressCtrlC()
    await process.shows('Ctrl-C again leaves.')
    await asks(process)
    process.type('y\r')
    await process.shows('word word')
    process.pressCtrlC()
    await process.shows('Stopped. What had arrived is kept.')
    await waits(process)
    await asked(provider).at(-1)?.closed
  })

  test('a reply with calls counts as one message among those that are not shown', async ({
    provider,
    chats,
  }) => {
    const call = { id: 'call-1', name: 'time', arguments: '{}' }
    const [look, late] = [chatReply(['I look.'], { toolCalls: [call] }), chatReply(['It is late.'])]
    answer(provider, look, late, look, late)
    const size = { columns: 200, rows: 12 }
    const first = chats.startOnScreen(size)
    for (const question of ['one', 'two']) {
      await waits(first)
      first.type(`${question}\r`)
      await first.shows((text) => text.endsWith(' s\nyou>') && text.includes(`you> ${question}`))
    }
    first.pressCtrlD()
    await first.end({ input: false })

    const second = chats.startOnScreen(size, { args: ['--continue'] })
    const text = await waits(second)
    expect(text).toMatch(
      /… 2 earlier messages: \/show has all\nyou> two\nm:\nI look\.\ncalls time \{\}\n/,
    )
  })

  test('what was being typed when the question came is no answer, and is kept', async ({
    provider,
    chats,
  }) => {
    let call = () => {}
    const isTime = new Promise<void>((resolve) => (call = resolve))
    answer(
      provider,
      async (exchange) => {
        await isTime
        await chatReply(['I ask.'], { toolCalls: [NOTE] })(exchange)
      },
      chatReply(['As you like.']),
    )
    const process = chats.startOnScreen(SIZE)
    await waits(process)
    process.type('leave a note\r')
    await process.shows(/you> leave a note\n/)
    process.type('y')
    await waits(process, 'y')
    call()
    await asks(process)
    process.type('n\r')
    await process.shows('m:\nAs you like.')
    await waits(process, 'y')
  })

  test('queued messages return to the line when Ctrl-C leaves a question', async ({
    provider,
    chats,
  }) => {
    let call = () => {}
    const isTime = new Promise<void>((resolve) => (call = resolve))
    answer(provider, async (exchange) => {
      await isTime
      await chatReply(['I ask.'], { toolCalls: [NOTE] })(exchange)
    })
    const process = chats.startOnScreen(SIZE)
    await waits(process)
    process.type('leave a note\r')
    await process.shows(/you> leave a note\n/)
    process.type('and then\r')
    await process.shows('queued: and then')
    call()
    await asks(process)
    process.pressCtrlC()
    await process.shows('1 message was taken out of the queue.')
    await waits(process, 'and then')
    expect(process.screen.text).not.toContain('queued:')
  })

  test('nothing in arguments and results moves the cursor or hides', async ({
    provider,
    chats,
  }) => {
    const text = 'a\u001B[2J\u009B2J\u202Eb\n'
    const call = { ...NOTE, arguments: JSON.stringify({ text }) }
    answer(provider, chatReply(['I ask.'], { toolCalls: [call] }), chatReply(['Done.']))
    const process = await askForNote(chats)
    expect(process.screen.text).toContain(String.raw`note {"text":"a\u001b[2J\u009b2J\u202eb\n"}`)
    process.type('y\r')
    await process.shows('Done.')
    expect(process.screen.text).toContain('Note: ab\n')
  })
})

test('a pipe is offered no tool that asks, and has the calls on stderr', async ({
  provider,
  chats,
}) => {
  const call = { id: 'call-1', name: 'time', arguments: '{}' }
  answer(provider, chatReply(['I look.'], { toolCalls: [call] }), chatReply(['It is late.']))
  const { code, stdout, stderr } = await chats.start('what time is it?').end()

  expect(code).toBe(0)
  expect(stdout).toBe('I look.\nIt is late.\n')
  expect(stderr).toMatch(/^calls time \{\}\ntime returned \{"zone":"UTC",.*\}\n/)
  const tools: { function: { name: string } }[] = asked(provider)[0]?.body.tools
  expect(tools.map((tool) => tool.function.name)).toEqual(['time'])
})

test.runIf(process.platform === 'linux')(
  'a pipe shows a call that waits, and answers nothing',
  async ({ provider, chats }) => {
    answer(provider, chatReply(['I ask.'], { toolCalls: [NOTE] }))
    await leave(await askForNote(chats))
    const shown = chats.start('--lines')
    shown.say('/calls')
    shown.say('y')
    const { code, stdout } = await shown.end()

    expect(stdout).toContain('The model asks to run note {"text":"I was here."}\n')
    expect(code).toBe(1)
    expect(asked(provider)).toHaveLength(1)
  },
)
