/** The command line of the terminal chat. */
import { expect, test } from 'vitest'
import { MisuseError, readArguments } from '../../examples/chat/arguments.ts'

test('takes words without quotes for one message', () => {
  expect(readArguments(['tell', 'me'], {}).message).toBe('tell me')
  expect(readArguments([], {}).message).toBeUndefined()
})

test('prefers a flag to the environment, and the environment to the default', () => {
  const env = { COLLOQUY_DATABASE: 'env.db', OPENAI_MODEL: 'env' }

  expect(readArguments(['-d', 'flag.db', '-m', 'flag', '-c'], env)).toMatchObject({
    database: 'flag.db',
    model: 'flag',
    resume: true,
  })
  expect(readArguments([], env)).toMatchObject({ database: 'env.db', model: 'env' })
  expect(readArguments([], { COLLOQUY_DATABASE: '', OPENAI_MODEL: '' })).toMatchObject({
    database: 'colloquy-chat.db',
    model: undefined,
    resume: false,
  })
})

test('refuses what it cannot understand', () => {
  expect(() => readArguments(['--databse=x'], {})).toThrow(MisuseError)
  expect(() => readArguments(['--database'], {})).toThrow(MisuseError)
  expect(() => readArguments([' '], {})).toThrow(MisuseError)
})
