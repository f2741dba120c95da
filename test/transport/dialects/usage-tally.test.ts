/** Which figures count if a reply reports its usage more than once. */
import { describe, expect, test } from 'vitest'
import { ended, started, stopped, textBlock } from '../../support/messages-events.ts'
import { chunk } from '../../support/scripts.ts'
import { bare, DONE, fin, inMessages } from './replies.ts'

const inChat = async (...usages: readonly object[]) =>
  (await bare(chunk({ content: 'a' }), ...usages.map((usage) => chunk({}, { usage })), fin(), DONE))
    .end?.usage

const inOther = async (first: object, ...usages: readonly object[]) =>
  (
    await inMessages(
      started({ usage: first }),
      ...textBlock(0, 'a'),
      ...usages.map((usage) => ended('end_turn', usage)),
      stopped,
    )
  ).end?.usage

describe('chat completions', () => {
  const full = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 }

  test.each<readonly [string, readonly object[], object]>([
    [
      'a count that falls to zero',
      [full, { ...full, completion_tokens: 0, total_tokens: 9 }],
      { inputTokens: 9, outputTokens: 0 },
    ],
    [
      'a count that falls',
      [full, { ...full, completion_tokens: 3 }],
      { inputTokens: 9, outputTokens: 3 },
    ],
    [
      'a count of zero alone',
      [{ prompt_tokens: 9, completion_tokens: 1 }, { completion_tokens: 0 }],
      { inputTokens: 9, outputTokens: 0 },
    ],
    ['a count alone', [full, { completion_tokens: 7 }], { inputTokens: 9, outputTokens: 7 }],
    [
      'zeros of a server that stopped counting',
      [full, { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }],
      { inputTokens: 9, outputTokens: 4 },
    ],
    [
      'zeros, then figures',
      [{ prompt_tokens: 0, completion_tokens: 0 }, full],
      { inputTokens: 9, outputTokens: 4 },
    ],
    [
      'an input of zero beside an output',
      [full, { prompt_tokens: 0, completion_tokens: 5 }],
      { inputTokens: 9, outputTokens: 5 },
    ],
    [
      'null and nothing',
      [full, { prompt_tokens: null, completion_tokens: null }, {}],
      { inputTokens: 9, outputTokens: 4 },
    ],
    [
      'names of another kind',
      [{ input_tokens: 9, output_tokens: 1 }, { output_tokens: 0 }],
      { inputTokens: 9, outputTokens: 0 },
    ],
  ])('take the later figure: %s', async (_, usages, expected) => {
    expect(await inChat(...usages)).toMatchObject(expected)
  })
})

describe('Messages', () => {
  const begun = { input_tokens: 9, output_tokens: 1, cache_read_input_tokens: 5 }

  test.each<readonly [string, readonly object[], object]>([
    [
      'an output that falls to zero',
      [{ output_tokens: 0 }],
      { inputTokens: 9, outputTokens: 0, cacheReadTokens: 5 },
    ],
    [
      'an output that falls later',
      [{ output_tokens: 8 }, { output_tokens: 0 }],
      { outputTokens: 0 },
    ],
    [
      'an input of zero that was not counted',
      [{ input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 8 }],
      { inputTokens: 9, outputTokens: 8, cacheReadTokens: 5 },
    ],
    [
      'an input that is all from the cache',
      [{ input_tokens: 0, cache_read_input_tokens: 9, output_tokens: 8 }],
      { inputTokens: 0, cacheReadTokens: 9 },
    ],
    [
      'a cache that was not read after all',
      [{ input_tokens: 9, cache_read_input_tokens: 0 }],
      { inputTokens: 9, cacheReadTokens: 0 },
    ],
    ['null', [{ input_tokens: null, output_tokens: null }], { inputTokens: 9, outputTokens: 1 }],
  ])('take the later figure: %s', async (_, usages, expected) => {
    expect(await inOther(begun, ...usages)).toMatchObject(expected)
  })

  test('keep no field that has the name of the prototype', async () => {
    const usage = await inOther(
      begun,
      JSON.parse('{"__proto__":{"output_tokens":7},"n":1}') as object,
    )

    expect(usage).toMatchObject({ outputTokens: 1, raw: { n: 1 } })
    expect(Object.getPrototypeOf(usage?.raw)).toBe(Object.prototype)
  })
})
