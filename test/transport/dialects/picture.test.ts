/** Pictures in replies, in all dialects and shapes. */
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../../src/protocol/endpoint.ts'
import { assembled } from '../../../src/reply/growing-reply.ts'
import { pictureIn } from '../../../src/transport/dialects/picture.ts'
import { providerFingerprint } from '../../../src/transport/dialects/provider-fingerprint.ts'
import { ended, started, stopped, textBlock, written } from '../../support/messages-events.ts'
import { startProvider } from '../../support/provider.ts'
import { outputItem, responseEvent } from '../../support/response-events.ts'
import { chunk, json } from '../../support/scripts.ts'
import { reply, targetAt } from '../asking.ts'
import type { AskedReply } from '../asking.ts'

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQ'
const JPEG = '/9j/4AAQSkZJRgABAQEASABIAAD'
const WEBP = 'UklGRuIWGQBXRUJQVlA4TKAwGAAv'
const GIF = 'R0lGODlhAQABAAAAACw'
const png = `data:image/png;base64,${PNG}`
const jpeg = `data:image/jpeg;base64,${JPEG}`
const webp = `data:image/webp;base64,${WEBP}`

/** Each value as it may stand in a field for pictures, and the picture in it. */
const SHAPES: readonly (readonly [string, unknown, string, string])[] = [
  [
    'OpenRouter, LiteLLM',
    { type: 'image_url', image_url: { url: png }, index: 0 },
    'image/png',
    png,
  ],
  ['an address as text', { type: 'image_url', image_url: jpeg }, 'image/jpeg', jpeg],
  ['a url alone', { url: webp }, 'image/webp', webp],
  ['a data url alone', png, 'image/png', png],
  ['base64 alone', JPEG, 'image/jpeg', jpeg],
  ['base64 of a gif', GIF, 'image/gif', `data:image/gif;base64,${GIF}`],
  ['base64 of an unknown picture', 'ZmFrZQ==', 'image/png', 'data:image/png;base64,ZmFrZQ=='],
  ["OpenAI's image API", { b64_json: WEBP }, 'image/webp', webp],
  [
    'Anthropic',
    { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: JPEG } },
    'image/jpeg',
    jpeg,
  ],
  [
    'Anthropic with an address',
    { type: 'image', source: { type: 'url', url: 'https://img.example/a.webp?x=1' } },
    'image/webp',
    'https://img.example/a.webp?x=1',
  ],
  ['Gemini', { inlineData: { mimeType: 'image/png', data: PNG } }, 'image/png', png],
  [
    'Gemini in snake case',
    { inline_data: { mime_type: 'image/png', data: PNG } },
    'image/png',
    png,
  ],
  [
    'a media type in capitals',
    { data: JPEG, mime_type: 'IMAGE/JPG; q=1' },
    'image/jpeg',
    `data:image/jpeg;base64,${JPEG}`,
  ],
  [
    'a media type by a name that only scanners give it',
    { data: 'AAAA', mime_type: 'image/x-citrix-jpeg' },
    'image/jpeg',
    'data:image/jpeg;base64,AAAA',
  ],
  [
    'a data url with another name for its type',
    { image_url: { url: `data:image/jpg;base64,${JPEG}` } },
    'image/jpeg',
    `data:image/jpg;base64,${JPEG}`,
  ],
  ['a data url without a type', { url: `data:;base64,${PNG}` }, 'image/png', `data:;base64,${PNG}`],
  [
    'a data url of any bytes',
    { url: `data:application/octet-stream;base64,${JPEG}` },
    'image/jpeg',
    `data:application/octet-stream;base64,${JPEG}`,
  ],
  [
    'a picture that is text',
    { url: 'data:image/svg+xml,%3Csvg/%3E' },
    'image/svg+xml',
    'data:image/svg+xml,%3Csvg/%3E',
  ],
  [
    'an address without an ending',
    { image_url: { url: 'http://img.example/7' } },
    'image/png',
    'http://img.example/7',
  ],
  [
    'an address with its type beside it',
    { url: 'https://img.example/7', media_type: 'image/avif' },
    'image/avif',
    'https://img.example/7',
  ],
  [
    'a list of content',
    { type: 'output_image', image: { base64: PNG, format: 'png' } },
    'image/png',
    png,
  ],
]

/** Values that are no picture, even in a field for pictures. */
const NO_PICTURES: readonly unknown[] = [
  null,
  7,
  '',
  'no base64: "><script>',
  {},
  { type: 'image_url' },
  { image_url: { url: '' } },
  { image_url: { url: 'data:image/png;base64,' } },
  { image_url: { url: 'data:text/html,<b>' } },
  { image_url: { url: 'javascript:alert(1)' } },
  { image_url: { url: 'file:///etc/passwd' } },
  { image_url: { url: 'https://' } },
  { data: 'UklGRiQAAABXQVZF', mime_type: 'audio/wav' },
  { b64_json: null },
  { image: { image: { image: { image: { image: png } } } } },
  [png],
]

/** Items of a list of content that are no pictures there. */
const NO_CONTENT: readonly unknown[] = [
  ...NO_PICTURES,
  { type: 'citation', url: 'https://img.example/a.png' },
  { type: 'audio', data: 'UklGRiQAAABXQVZFZm10' },
  { type: 'document', data: 'ZmFrZQ==' },
]

test.each(SHAPES)('a picture is read in the shape of %s', (_, value, mediaType, url) => {
  expect(pictureIn(value, true)).toEqual({ mediaType, url })
})

test.each(NO_PICTURES)('%j is no picture', (value) => {
  expect(pictureIn(value, true)).toBeUndefined()
})

async function asked(dialect: Dialect, answer: readonly object[] | object): Promise<AskedReply> {
  await using provider = await startProvider()
  provider.next(
    Array.isArray(answer)
      ? (exchange) => {
          exchange.write(...answer.map(written))
          exchange.response.end()
        }
      : json(answer),
  )
  const target = targetAt(provider.url, { dialect })
  const maker = providerFingerprint({ target, model: 'm' })
  const made = await reply('', { target, stream: Array.isArray(answer) })
  for (const delta of made.deltas) {
    if (delta.type === 'file') expect(delta.providerData).toMatchObject({ maker })
  }
  return made
}

const file = (mediaType: string, url: string) =>
  expect.objectContaining({ type: 'file', mediaType, url }) as unknown

const finish = chunk({}, { finish_reason: 'stop' })

describe('in chat completions', () => {
  test('pictures in deltas are parts, in their place between texts', async () => {
    const image = { type: 'image_url', image_url: { url: png }, index: 0 }

    const { deltas, end } = await asked('chat-completions', [
      chunk({ content: 'Here' }),
      chunk({ content: '', images: [image, { ...image, image_url: { url: jpeg } }] }),
      chunk({ content: ' it is' }),
      finish,
    ])

    expect(deltas).toEqual([
      { type: 'text', text: 'Here' },
      file('image/png', png),
      file('image/jpeg', jpeg),
      { type: 'text', text: ' it is' },
    ])
    expect(assembled(deltas)).toHaveLength(4)
    expect(end?.finishReason).toBe('stop')
  })

  test.each(SHAPES)('a list of content may hold %s', async (_, value, mediaType, url) => {
    const item = typeof value === 'string' ? { type: 'image', data: value } : value
    const named = { type: 'image', ...(item as object) }

    const { deltas } = await asked('chat-completions', [
      chunk({ content: [{ type: 'text', text: 'a' }, named, 'b'] }),
      finish,
    ])

    expect(deltas).toEqual([
      { type: 'text', text: 'a' },
      file(mediaType, url),
      { type: 'text', text: 'b' },
    ])
  })

  test('a list of content that is no picture adds nothing', async () => {
    const content = NO_CONTENT.filter((item) => typeof item !== 'string')

    const { deltas } = await asked('chat-completions', [
      chunk({ content: [...content, 'a'] }),
      finish,
    ])

    expect(deltas).toEqual([{ type: 'text', text: 'a' }])
  })

  test.each([
    ['in images', { content: null, images: [{ image_url: { url: webp } }] }],
    ['as the only one', { content: null, images: { url: webp } }],
    ['in a field for one', { content: '', image: { url: webp } }],
    [
      'in the field of AiHubMix',
      { content: '', multi_mod_content: [{ inlineData: { mimeType: 'image/webp', data: WEBP } }] },
    ],
    ['in the field of its kind', { content: '', image_url: { url: webp } }],
    ['as the content', { content: { type: 'image_url', image_url: { url: webp } } }],
    ['in the content', { content: [{ type: 'image_url', image_url: { url: webp } }] }],
  ])('a picture alone is a reply, %s', async (_, message) => {
    const choices = [{ message, finish_reason: 'stop' }]
    const whole = await asked('chat-completions', { choices })
    const streamed = await asked('chat-completions', [chunk(message), finish])

    for (const { deltas, error } of [whole, streamed]) {
      expect(error).toBeUndefined()
      expect(deltas).toEqual([file('image/webp', webp)])
    }
  })

  test('a picture that is no picture makes no reply', async () => {
    const { error } = await asked('chat-completions', {
      choices: [{ message: { images: NO_PICTURES } }],
    })

    expect(error?.code).toBe('invalid-response')
  })
})

describe('in messages', () => {
  const image = (data: string) => ({
    type: 'image',
    source: { type: 'base64', media_type: 'image/png', data },
  })

  test('image blocks are parts of a stream', async () => {
    const { deltas } = await asked('messages', [
      started(),
      ...textBlock(0, 'Here'),
      { type: 'content_block_start', index: 1, content_block: image(PNG) },
      { type: 'content_block_stop', index: 1 },
      ended(),
      stopped,
    ])

    expect(deltas).toEqual([{ type: 'text', text: 'Here' }, file('image/png', png)])
  })

  test('an image block alone is a JSON answer', async () => {
    const { deltas, error } = await asked('messages', {
      type: 'message',
      content: [image(PNG)],
      stop_reason: 'end_turn',
    })

    expect(error).toBeUndefined()
    expect(deltas).toEqual([file('image/png', png)])
  })
})

describe('in responses', () => {
  const call = (id: string | undefined, result: unknown, more: object = {}) => ({
    type: 'image_generation_call',
    ...(id !== undefined && { id }),
    status: 'completed',
    result,
    ...more,
  })
  const done = (item: object, index = 0): object =>
    responseEvent('response.output_item.done', { output_index: index, item })
  const completed = (...output: object[]): object =>
    responseEvent('response.completed', { response: { status: 'completed', output } })

  test('a generated picture is a part once, though previews and the end tell it too', async () => {
    const item = call('ig_1', WEBP, { output_format: 'webp' })
    const said = outputItem({ type: 'message', texts: ['There'] }, 'msg_1')

    const { deltas } = await asked('responses', [
      responseEvent('response.output_item.added', {
        output_index: 0,
        item: { ...item, result: null, status: 'in_progress' },
      }),
      responseEvent('response.image_generation_call.partial_image', {
        item_id: 'ig_1',
        partial_image_b64: PNG,
      }),
      done(item),
      done(said, 1),
      completed(item, said),
    ])

    expect(deltas).toEqual([file('image/webp', webp), { type: 'text', text: 'There' }])
    expect(deltas[0]).toMatchObject({
      providerData: { type: 'image_generation_call', id: 'ig_1', maker: expect.any(String) },
    })
  })

  test.each([
    ['under another id', call('ig_2', PNG)],
    ['without an id', call(undefined, PNG)],
  ])('a picture is a part once though the end tells it %s', async (_, again) => {
    const { deltas } = await asked('responses', [done(call('ig_1', PNG)), completed(again)])

    expect(deltas).toEqual([file('image/png', png)])
  })

  test('two pictures are two parts, told in a stream or at its end alone', async () => {
    const items = [call('ig_1', PNG), call('ig_2', JPEG)]
    const both = [file('image/png', png), file('image/jpeg', jpeg)]

    const streamed = await asked('responses', [...items.map(done), completed(...items)])
    const late = await asked('responses', [completed(...items)])
    const whole = await asked('responses', { object: 'response', output: items })

    expect(streamed.deltas).toEqual(both)
    expect(late.deltas).toEqual(both)
    expect(whole.deltas).toEqual(both)
    expect(whole.error).toBeUndefined()
  })

  test('a picture in the content of a message is a part', async () => {
    const content = [
      { type: 'output_text', text: 'Here' },
      { type: 'output_image', image_url: jpeg },
    ]
    const item = { type: 'message', id: 'msg_1', content }

    const { deltas } = await asked('responses', [done(item), completed(item)])

    expect(deltas).toEqual([{ type: 'text', text: 'Here' }, file('image/jpeg', jpeg)])
  })
})
