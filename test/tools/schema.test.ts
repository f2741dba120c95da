/** Schemas of tools: what a model is told of them, and what is checked by them. */
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import * as mini from 'zod/mini'
import { createEngine, type Schema } from '../../src/index.ts'
import { bodyOf, calling, done, resultsOf, toolChat } from '../engine/tools/tool-chat.ts'

const SCHEMAS: Readonly<Record<string, Schema<{ city: string; days: number }>>> = {
  zod: z.object({ city: z.string(), days: z.number().default(1) }),
  valibot: toStandardJsonSchema(v.object({ city: v.string(), days: v.optional(v.number(), 1) })),
  arktype: type({ city: 'string', days: 'number = 1' }),
}

describe.each(Object.entries(SCHEMAS))('a schema of %s', (_, inputSchema) => {
  async function called(input: unknown) {
    const got: unknown[] = []
    const { provider, engine, id } = await toolChat({
      tools: { weather: { inputSchema, execute: (given) => got.push(given) } },
    })
    provider.next(calling({ name: 'weather', input }), done)
    const { message } = await (await engine.send(id, 'hi')).reply
    return { got, provider, result: resultsOf(message)[0], message }
  }

  test('is told to the model as JSON Schema, and gives the tool its output', async () => {
    const { got, provider, message } = await called({ city: 'Berne' })
    expect(got).toEqual([{ city: 'Berne', days: 1 }])
    // What the model wrote is stored, not what the schema made of it.
    expect(message.parts[0]).toMatchObject({ input: { city: 'Berne' } })
    const [tool] = bodyOf(provider, 0)['tools'] as { function: { parameters: object } }[]
    expect(tool?.function.parameters).toMatchObject({
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
    })
    expect(tool?.function.parameters).not.toHaveProperty('$schema')
  })

  test('tells the model what is wrong', async () => {
    const { got, result } = await called({ city: 7 })
    expect(got).toEqual([])
    expect(result).toMatchObject({ code: 'invalid-input', output: expect.stringContaining('city') })
  })
})

test.each<[string, unknown]>([
  ['zod/mini', mini.object({ city: mini.string() })],
  ['bare valibot', v.object({ city: v.string() })],
  ['a date of zod', z.object({ day: z.date() })],
  ['a function', () => ({ type: 'object' })],
  ['an arktype function that is no schema', type.define],
  ['a text of zod', z.string()],
  ['a text of arktype', type('string')],
  ['a text of valibot', toStandardJsonSchema(v.string())],
  ['the JSON Schema of a list', { type: 'array', items: {} }],
  ['a text', 'object'],
  ['a list', []],
])('%s is refused, with what to do', async (_, inputSchema) => {
  const made = createEngine({
    database: ':memory:',
    tools: { weather: { inputSchema: inputSchema as Schema } },
  })
  await expect(made).rejects.toMatchObject({
    code: 'invalid-option',
    message: expect.stringContaining('tools.weather.inputSchema'),
  })
})

test('a plain JSON Schema is told as it is, and checked', async () => {
  const inputSchema = { type: 'object', properties: { n: { minimum: 2 } }, required: ['n'] }
  const got: unknown[] = []
  const { provider, engine, id } = await toolChat({
    tools: { it: { inputSchema, execute: (input) => got.push(input) } },
  })
  provider.next(
    calling({ name: 'it', input: { n: 1 } }, { name: 'it', input: { n: 2, more: true } }),
    done,
  )
  const { message } = await (await engine.send(id, 'hi')).reply
  const [tool] = bodyOf(provider, 0)['tools'] as { function: { parameters: object } }[]
  expect(tool?.function.parameters).toEqual(inputSchema)
  expect(got).toEqual([{ n: 2, more: true }])
  expect(resultsOf(message).map(({ code }) => code)).toEqual(['invalid-input', undefined])
})

const unique = { type: 'array', uniqueItems: true }

test.each<[string, object, string, boolean]>([
  ['a repeated item', unique, '[1,2,1]', false],
  [
    'a repeated object, its fields in another order',
    unique,
    '[{"a":1,"b":2},{"b":2,"a":1}]',
    false,
  ],
  ['items of several kinds', unique, '[1,"1",[1],{"1":1},null,true]', true],
  ['a repeated item elsewhere', { properties: { it: unique } }, '{"it":[1,2],"other":[1,1]}', true],
  ['a property of that name', { properties: { uniqueItems: false } }, '{"uniqueItems":1}', false],
  ['a value of that name', { const: { uniqueItems: true } }, '{"uniqueItems":true}', true],
  ['the opposite', { not: unique }, '[1,2]', false],
])('%s is judged as JSON Schema says', async (_, list, text, isValid) => {
  const { provider, engine, id } = await toolChat({
    tools: { it: { inputSchema: { type: 'object', properties: { list } }, execute: () => 'ran' } },
  })
  provider.next(calling({ name: 'it', text: `{"list":${text}}` }), done)
  const { message } = await (await engine.send(id, 'hi')).reply
  expect(resultsOf(message).map(({ code }) => code)).toEqual([
    isValid ? undefined : 'invalid-input',
  ])
})

test.each<[string, object, unknown]>([
  ['that may repeat no item', unique, Array.from({ length: 120_000 }, (_, n) => n)],
  [
    'that may repeat no item, and repeats the last',
    unique,
    [...Array.from({ length: 120_000 }, (_, n) => n), 119_999],
  ],
  ['that is no url', { format: 'url' }, `http://${'a:'.repeat(100_000)}`],
])('an argument %s costs no more than its length', { timeout: 8_000 }, async (_, schema, value) => {
  const { provider, engine, id } = await toolChat({
    tools: {
      it: { inputSchema: { type: 'object', properties: { it: schema } }, execute: () => 1 },
    },
  })
  provider.next(calling({ name: 'it', input: { it: value } }), done)
  const { message } = await (await engine.send(id, 'hi')).reply
  expect(resultsOf(message)).toHaveLength(1)
})

// arktype tells a model nothing of a date, and says what is wrong with the text that comes.
test('a date of arktype is a tool that the model is told it cannot call so', async () => {
  const inputSchema = type({ day: 'Date' })
  const { provider, engine, id } = await toolChat({
    tools: { it: { inputSchema, execute: () => 'never' } },
  })
  provider.next(calling({ name: 'it', input: { day: '2026-01-01' } }), done)
  const { message } = await (await engine.send(id, 'hi')).reply
  expect(resultsOf(message)).toMatchObject([
    { code: 'invalid-input', output: expect.stringContaining('must be a Date') },
  ])
})

test.each(['a b', '', 'é', 'x'.repeat(65), '__proto__'])('the name %j is refused', async (name) => {
  const tools = Object.defineProperty({}, name, { value: {}, enumerable: true })
  await expect(createEngine({ database: ':memory:', tools })).rejects.toMatchObject({
    code: 'invalid-option',
  })
})
