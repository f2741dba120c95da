/** The growing reply: deltas add up to parts. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { UnplacedDelta } from '../../src/protocol/delta.ts'
import type { Part } from '../../src/protocol/message.ts'
import { GrowingReply } from '../../src/reply/growing-reply.ts'
import { someDelta } from '../feed/some-delta.ts'
import { appended, fingerprint, texts } from '../feed/streaming.ts'

function grown(...deltas: readonly UnplacedDelta[]): GrowingReply {
  const reply = new GrowingReply()
  for (const delta of deltas) reply.add(delta)
  return reply
}

function callDelta(toolCallId: string, inputText: string): UnplacedDelta {
  return { type: 'tool-call', toolCallId, toolName: 'look', inputText }
}

test('any deltas add up to the parts that plain appending gives, after each one', () => {
  fc.assert(
    fc.property(fc.array(someDelta, { maxLength: 30 }), (deltas) => {
      const reply = new GrowingReply()
      let expected: readonly Part[] = []
      for (const delta of deltas) {
        reply.add(delta)
        expected = appended(expected, delta)
        expect(fingerprint(reply.parts())).toBe(fingerprint(expected))
      }
    }),
  )
})

test('parts that were handed out never change', () => {
  const reply = grown(...texts('Once'), callDelta('1', '{"a"'))
  const before = reply.parts()
  const copy = structuredClone(before)

  for (const delta of [callDelta('1', ':1}'), ...texts(' upon')]) reply.add(delta)
  reply.finish()

  expect(before).toEqual(copy)
})

test('a part that did not grow is handed out as the same object', () => {
  const reply = grown({ type: 'reasoning', text: 'hm' }, ...texts('Once'))
  const [reasoning, text] = reply.parts()

  for (const delta of texts(' upon')) reply.add(delta)

  expect(reply.parts()[0]).toBe(reasoning)
  expect(reply.parts()[1]).not.toBe(text)
})

test('text after reasoning after text is three parts, not two', () => {
  const reply = grown(...texts('a'), { type: 'reasoning', text: 'b' }, ...texts('c', 'd'))

  expect(reply.parts()).toEqual([
    { type: 'text', text: 'a' },
    { type: 'reasoning', text: 'b' },
    { type: 'text', text: 'cd' },
  ])
})

test('reasoning that opens a part stays apart from what was thought before, with its own data', () => {
  const reply = grown(
    { type: 'reasoning', text: 'a', separate: true },
    { type: 'reasoning', text: '', providerData: { signature: 1 } },
    { type: 'reasoning', text: '', providerData: { signature: 2 }, separate: true },
    { type: 'reasoning', text: 'b' },
  )

  expect(reply.parts()).toEqual([
    { type: 'reasoning', text: 'a', providerData: { signature: 1 } },
    { type: 'reasoning', text: 'b', providerData: { signature: 2 } },
  ])
})

test('fragments of two tool calls that alternate stay apart', () => {
  const reply = grown(callDelta('1', '{"a"'), callDelta('2', '{"b"'), callDelta('1', ':1}'))
  reply.add(callDelta('2', ':2}'))
  reply.finish()

  expect(reply.parts()).toMatchObject([
    { toolCallId: '1', inputText: '{"a":1}', input: { a: 1 } },
    { toolCallId: '2', inputText: '{"b":2}', input: { b: 2 } },
  ])
})

test('the arguments of a call are read only when no more of them will come', () => {
  const reply = grown(callDelta('1', '{}'))

  expect(reply.parts()).toMatchObject([{ inputText: '{}', input: undefined }])
  reply.finish()
  expect(reply.parts()).toMatchObject([{ inputText: '{}', input: {} }])
})

test.each([
  ['', {}],
  ['  ', {}],
  ['{"a":', undefined],
  ['null', null],
])('arguments %j are read as %j', (inputText, input) => {
  const reply = grown(callDelta('1', inputText))
  reply.finish()

  expect(reply.parts()).toEqual([
    { type: 'tool-call', toolCallId: '1', toolName: 'look', inputText, input },
  ])
})

test('opaque data of later deltas is kept with the part', () => {
  const reply = grown(
    { type: 'reasoning', text: 'a', providerData: [{ n: 1 }] },
    { type: 'reasoning', text: 'b' },
    { type: 'reasoning', text: '', providerData: [{ n: 2 }] },
  )

  expect(reply.parts()).toEqual([
    { type: 'reasoning', text: 'ab', providerData: [{ n: 1 }, { n: 2 }] },
  ])
})

test('a delta gets the place of its part: index, opening, and the end of a file', () => {
  const reply = new GrowingReply()
  const file = { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,AA' } as const
  const places = [
    ...texts('a', 'b'),
    callDelta('1', '{'),
    callDelta('2', '{'),
    callDelta('1', '}'),
    { ...callDelta('2', '}'), closes: true } as const,
    file,
    { type: 'reasoning', text: 'c' } as const,
    { type: 'reasoning', text: 'd', separate: true, providerData: 1 } as const,
  ].map((delta) => reply.place(delta))

  expect(places).toEqual([
    { type: 'text', text: 'a', part: 0, opens: true },
    { type: 'text', text: 'b', part: 0 },
    { ...callDelta('1', '{'), part: 1, opens: true },
    { ...callDelta('2', '{'), part: 2, opens: true },
    { ...callDelta('1', '}'), part: 1 },
    { ...callDelta('2', '}'), part: 2, closes: true },
    { ...file, part: 3, opens: true, closes: true },
    { type: 'reasoning', text: 'c', part: 4, opens: true },
    { type: 'reasoning', text: 'd', part: 5, opens: true, providerData: 1 },
  ])
})
