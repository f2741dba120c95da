import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { TextTemplate } from '../../src/transport/text-template.ts'

/** The text of an event that holds nothing else, as a dialect tells it. */
function onlyText(event: unknown): string | undefined {
  const { choices, usage } = event as {
    choices: { delta: Record<string, unknown> }[]
    usage?: unknown
  }
  const [choice] = choices
  const keys = Object.keys(choice?.delta ?? {})
  const { content } = choice?.delta ?? {}
  if (usage !== undefined || choices.length !== 1 || keys.length !== 1) return undefined
  return typeof content === 'string' ? content : undefined
}

/** What a stream's texts are, read event by event with the template where it answers. */
function readWithTemplate(events: readonly string[]): readonly (string | undefined)[] {
  const template = new TextTemplate()
  return events.map((data) => {
    const quick = template.read(data)
    if (quick !== undefined) return quick
    const event: unknown = JSON.parse(data)
    const text = onlyText(event)
    if (text !== undefined) template.learn(data, text, onlyText)
    return text
  })
}

const anyText = fc.oneof(
  // Texts that stand elsewhere in the event too.
  { arbitrary: fc.constantFrom('a', 'chat-1', 'content'), weight: 2 },
  { arbitrary: fc.string({ unit: 'binary' }), weight: 1 },
  {
    arbitrary: fc.constantFrom(
      '',
      '"',
      '\\',
      '","content":"',
      '\u0000',
      '\uD83D',
      '{"choices":[]}',
    ),
    weight: 1,
  },
)

/** Events that mostly look alike, with now and then another field, id, shape or way of writing. */
const anyEvent = fc
  .record({
    text: anyText,
    id: fc.constantFrom('chat-1', 'chat-2', 'a'),
    kind: fc.constantFrom('text', 'text', 'text', 'role', 'usage', 'call', 'two'),
    isSpaced: fc.boolean(),
  })
  .map(({ text, id, kind, isSpaced }) => {
    const delta: Record<string, unknown> = { content: text }
    if (kind === 'role') delta['role'] = 'assistant'
    if (kind === 'call') delta['tool_calls'] = [{ index: 0 }]
    const choices = [{ index: 0, delta, finish_reason: null }]
    if (kind === 'two') choices.push({ index: 1, delta: { content: 'other' }, finish_reason: null })
    const event = { id, choices, ...(kind === 'usage' && { usage: { total_tokens: 1 } }) }
    return JSON.stringify(event, null, isSpaced ? 1 : 0)
  })

test('reads every stream of events as parsing each of them would', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
      const parsed = events.map((data) => onlyText(JSON.parse(data)))

      expect(readWithTemplate(events)).toEqual(parsed)
    }),
    { numRuns: 2_000 },
  )
})

test('reads an event like the one learnt without another look at it', () => {
  const template = new TextTemplate()
  const event = (text: string) => JSON.stringify({ choices: [{ delta: { content: text } }] })
  template.learn(event('Once'), 'Once', onlyText)

  expect(template.read(event(' upon a "time"\n'))).toBe(' upon a "time"\n')
  expect(template.read(event(' upon').replace('choices', 'chances'))).toBeUndefined()
})
