/** The practice provider of the examples. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startPracticeProvider, type PracticeProvider } from '../../examples/practice-provider.ts'

const STORY = { role: 'user', content: 'Tell me a story' }

let provider: PracticeProvider

beforeEach(async () => {
  provider = await startPracticeProvider(0)
})

afterEach(() => provider.close())

function ask(body: object): Promise<Response> {
  return fetch(`${provider.url}/chat/completions`, { method: 'POST', body: JSON.stringify(body) })
}

async function events(response: Response): Promise<string[]> {
  return (await response.text()).split('\n\n').map((event) => event.replace('data: ', ''))
}

test('streams as the real ones do', async () => {
  const response = await ask({ messages: [STORY], stream: true })
  const [first, ...rest] = await events(response)

  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(JSON.parse(first ?? '').choices[0].delta).toEqual({ role: 'assistant', content: '' })
  expect(rest.slice(-2)).toEqual(['[DONE]', ''])
  const chunks = rest.slice(0, -2).map((event) => JSON.parse(event))
  expect(chunks.at(-1).choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' })
  const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join('')
  expect(text).toMatch(/^Once upon a time an actor lived[^]*no model behind it\.\)$/)
  expect(chunks.length).toBeGreaterThan(50)
})

test('counts, if it is asked to, and thinks before it speaks', async () => {
  const messages = [{ role: 'user', content: 'Think twice' }]
  const options = { stream: true, stream_options: { include_usage: true } }
  const chunks = (await events(await ask({ messages, ...options }))).slice(0, -2)

  const [, second, ...others] = chunks.map((event) => JSON.parse(event))
  expect(second.choices[0].delta).toEqual({ reasoning_content: 'The' })
  const { choices, usage } = others.at(-1)
  expect(choices).toEqual([])
  expect(usage.prompt_tokens).toBe(2)
  expect(usage.total_tokens).toBe(2 + usage.completion_tokens)
  expect(usage.completion_tokens_details.reasoning_tokens).toBeGreaterThan(5)
})

test('gives a title as plain JSON, and lists its model', async () => {
  const title = await ask({
    messages: [{ role: 'user', content: 'Name it.\n\nUser: Tell me more' }],
  })
  expect(await title.json()).toMatchObject({
    choices: [{ message: { role: 'assistant', content: 'Tell me more' }, finish_reason: 'stop' }],
  })

  const models = await fetch(`${provider.url}/models`)
  expect(await models.json()).toMatchObject({ data: [{ id: provider.model, object: 'model' }] })
})

test('refuses what it does not understand', async () => {
  expect((await ask({ stream: true })).status).toBe(400)
  expect((await fetch(`${provider.url}/nothing`)).status).toBe(404)
  const broken = await fetch(`${provider.url}/chat/completions`, { method: 'POST', body: '{' })
  expect(broken.status).toBe(400)
  expect(await broken.json()).toMatchObject({ error: { message: expect.any(String) } })
})

const TIME = { role: 'user', content: 'What time is it in Oslo?' }
const tools = [{ type: 'function', function: { name: 'time', parameters: {} } }]

test('calls tools where they are offered, and tells what they said', async () => {
  const calls = await deltasOf({ messages: [TIME], tools, stream: true })
  const parts = calls.flatMap(({ tool_calls: [call] = [] }) => (call === undefined ? [] : [call]))
  expect(parts[0].function.name).toBe('time')
  const written = parts.map((part) => part.function.arguments).join('')
  expect(JSON.parse(written)).toEqual({ zone: 'Europe/Oslo' })

  const result = { role: 'tool', tool_call_id: parts[0].id, content: 'noon' }
  const answer = await deltasOf({ messages: [TIME, result], tools, stream: true })
  expect(answer.map(({ content = '' }) => content).join('')).toContain('`noon`')

  const note = { role: 'user', content: 'Leave a note' }
  const offered = [{ type: 'function', function: { name: 'note', parameters: {} } }]
  const asked = await deltasOf({ messages: [note], tools: offered, stream: true })
  expect(asked.flatMap(({ tool_calls: [call] = [] }) => call?.function.name ?? [])).toEqual([
    'note',
  ])

  const without = await deltasOf({ messages: [TIME], stream: true })
  expect(without.map(({ content = '' }) => content).join('')).toContain('no tool for it')
})

test('is busy twice when it is told to be, each time it is asked', async () => {
  const messages = [{ role: 'user', content: 'Be busy at first' }]
  for (let round = 0; round < 2; round += 1) {
    for (const status of [503, 503, 200]) {
      const response = await ask({ messages, stream: true })
      await response.text()
      expect(response.status).toBe(status)
    }
  }
})

test('breaks off in the middle when it is told to fail', async () => {
  const response = await ask({
    messages: [{ role: 'user', content: 'Fail in the middle' }],
    stream: true,
  })
  await expect(response.text()).rejects.toThrow()
})

interface Delta {
  readonly content?: string
  // oxlint-disable-next-line typescript/no-explicit-any -- the test looks into it as it likes
  readonly tool_calls?: any[]
}

async function deltasOf(body: object): Promise<Delta[]> {
  const all = await events(await ask(body))
  return all
    .filter((event) => event.startsWith('{'))
    .map((event) => JSON.parse(event).choices[0]?.delta ?? {})
}
