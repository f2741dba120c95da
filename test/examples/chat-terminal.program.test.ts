/** The terminal chat on a terminal, as a person uses it. */
import { describe, expect } from 'vitest'
import { endless, steps, streamed } from '../support/scripts.ts'
import { answer, asked } from './chat-provider.ts'
import { test } from './chat-test.ts'

// On other systems `script` is another program with other options, so there is no terminal.
describe.runIf(process.platform === 'linux')('a terminal', () => {
  test('shows a reply as it grows, and keeps it when Ctrl-C stops it', async ({
    provider,
    chats,
  }) => {
    const deltas = steps()
    answer(
      provider,
      streamed(['Once', ' upon', ' a time'], {
        gate: deltas.gate,
        usage: { prompt_tokens: 9, completion_tokens: 4 },
      }),
      endless('word '),
    )
    const process = chats.startOnTerminal()
    await process.hears('m at http://')
    await process.hears('> ')

    process.say('tell me a story')
    // The spinner, until there is text.
    await process.hears('⠋')
    deltas.step()
    await process.hears('Once')
    deltas.step(2)
    await process.hears('a time')
    await process.hears('tokens: 9 in, 4 out')
    await process.hears('> ')

    process.say('go on')
    await process.hears('word word')
    process.pressCtrlC()
    await process.hears('Stopped. What had arrived is kept.')
    await process.hears('> ')
    await asked(provider).at(-1)?.closed

    process.pressCtrlC()
    const { code, stdout } = await process.end({ input: false })
    expect(code).toBe(0)
    expect(stdout).toContain('\u001B[2m')
  })

  test('asks twice before it leaves an empty prompt, once at the end of input', async ({
    chats,
  }) => {
    const process = chats.startOnTerminal()
    await process.hears('> ')
    process.pressCtrlC()
    await process.hears('Ctrl-C again leaves.')
    await process.hears('> ')
    process.pressCtrlC()
    expect((await process.end({ input: false })).code).toBe(0)

    const other = chats.startOnTerminal()
    await other.hears('> ')
    other.pressCtrlD()
    expect((await other.end({ input: false })).code).toBe(0)
  })

  test('takes Ctrl-C for what is typed, if there is something', async ({ chats }) => {
    const process = chats.startOnTerminal()
    await process.hears('> ')
    process.pressCtrlC()
    await process.hears('Ctrl-C again leaves.')
    await process.hears('> ')
    process.type('/nonsense')
    await process.hears('/nonsense')
    process.pressCtrlC()
    await process.hears('Ctrl-C again leaves.')
    process.say('/list')
    await process.hears('No conversations yet.')
  })

  test('leaves after the reply when its input ends meanwhile', async ({ provider, chats }) => {
    const deltas = steps()
    answer(provider, streamed(['One.', ' Done.'], { gate: deltas.gate }))
    const process = chats.startOnTerminal()
    await process.hears('> ')
    process.say('first')
    deltas.step()
    await process.hears('One.')

    process.pressCtrlD()
    deltas.step()

    await process.hears('Done.')
    expect((await process.end({ input: false })).code).toBe(0)
  })

  test('keeps what is typed while a reply streams for the next message', async ({
    provider,
    chats,
  }) => {
    const deltas = steps()
    answer(provider, streamed(['One.', ' Done.'], { gate: deltas.gate }), streamed(['Two.']))
    const process = chats.startOnTerminal()
    await process.hears('> ')

    process.say('first\nsecond')
    deltas.step(2)
    await process.hears('Done.')

    await process.hears('> second')
    await process.hears('Two.')
  })

  test('lets a person choose among the models', async ({ provider, chats }) => {
    answer(provider, streamed(['Hello']))
    const process = chats.startOnTerminal({ OPENAI_MODEL: '' })
    await process.hears('2  scripted-2')
    await process.hears('Model (number or name): ')
    process.say('2')
    await process.hears('scripted-2 at http://')
    await process.hears('> ')
    process.say('hello')
    await process.hears('Hello')

    expect(asked(provider)[0]?.body).toMatchObject({ model: 'scripted-2' })
  })

  test('shows no colours where they are not wanted', async ({ provider, chats }) => {
    answer(provider, streamed(['42'], { reasoning: ['Let me see.'] }))
    const process = chats.startOnTerminal({ NO_COLOR: '1' })
    await process.hears('> ')
    process.say('why?')
    await process.hears('42')
    await process.hears('> ')
    process.pressCtrlD()

    // oxlint-disable-next-line no-control-regex -- colours, not the cursor movements of a prompt
    expect((await process.end({ input: false })).stdout).not.toMatch(/\u001B\[[\d;]*m/)
  })
})
