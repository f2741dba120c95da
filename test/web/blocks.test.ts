/** Markdown that grows: what is final is given once, and is what the whole text would give. */
import * as fc from 'fast-check'
import { Lexer, type Token } from 'marked'
import { expect, test } from 'vitest'
import { BlockReader, type OpenBlock } from '../../examples/web/src/markdown/blocks.ts'

const LEXING = { gfm: true }

/** Lines that begin, go on with, end and interrupt every kind of block. */
const LINES = [
  'words',
  'words with *marks* and `code`',
  '',
  '',
  '   ',
  '# heading',
  '===',
  '---',
  '- item',
  '-',
  '  - inner',
  '  goes on',
  '1. first',
  '2. second',
  '2',
  '> quote',
  '>',
  '```',
  '```js',
  '~~~',
  '````',
  '``',
  ' ```',
  '    indented',
  '\ttab',
  '| a | b |',
  '| - | - |',
  '| 1 | 2 |',
  '<div>',
  '</div>',
  '<!-- remark',
  '-->',
  '[ref]: https://example.com/',
  '[ref]',
  '- [x] done',
  '***',
  '\\',
]

const text = fc
  .array(fc.tuple(fc.constantFrom(...LINES), fc.constantFrom('\n', '\n', '\n', '\r\n', '\r')), {
    maxLength: 24,
  })
  .map((lines) => lines.map(([line, end]) => line + end).join(''))
  .chain((whole) => fc.nat(whole.length).map((end) => whole.slice(0, end)))

/** The blocks as they are read from a text that comes in pieces. */
function blocksOf(whole: string, cuts: readonly number[]): Token[] {
  const reader = new BlockReader(LEXING)
  const blocks: Token[] = []
  for (const end of [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].toSorted(
    (a, b) => a - b,
  )) {
    blocks.push(...reader.read(whole.slice(0, end), false).finished)
  }
  blocks.push(...reader.read(whole, true).finished)
  return blocks
}

function named(tokens: readonly Token[]): (readonly [string, string])[] {
  return tokens
    .filter(({ type }) => type !== 'space')
    .map(({ type, raw }) => [type, raw.trim()] as const)
}

test('gives the blocks of the whole text, whatever pieces it comes in', () => {
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 12 }), (whole, cuts) => {
      const expected = new Lexer(LEXING).lex(whole)
      expect(named(blocksOf(whole, cuts))).toEqual(named(expected))
    }),
    { numRuns: 3_000 },
  )
})

test('gives what is open together with what was final: nothing is missing between', () => {
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 12 }), (whole, cuts) => {
      const reader = new BlockReader(LEXING)
      let final = ''
      for (const end of cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b)) {
        const part = whole.slice(0, end)
        const { finished, open } = reader.read(part, false)
        final += finished.map(({ raw }) => raw).join('')
        const shown = final + (open.type === 'markdown' ? open.text : '')
        const normal = part.replace(/\r$/, '').replaceAll(/\r\n?/g, '\n')
        if (open.type !== 'code') expect(shown.trim()).toBe(normal.trim())
        else expect(normal).toContain(open.text)
      }
    }),
  )
})

test('reads a long reply at the cost of its open block', () => {
  const paragraph = 'Some words of a paragraph, with **marks** and `code`.\n\n'
  const item = '| a | b |\n| - | - |\n| 1 | 2 |\n\n'
  const whole = (paragraph + item).repeat(2_000)
  const reader = new BlockReader(LEXING)
  let blocks = 0
  let longest = 0
  for (let end = 0; end < whole.length; end += 50) {
    const { finished, open } = reader.read(whole.slice(0, end), false)
    blocks += finished.filter(({ type }) => type !== 'space').length
    longest = Math.max(longest, open.type === 'markdown' ? open.text.length : 0)
  }
  expect(blocks).toBeGreaterThan(3_990)
  expect(longest).toBeLessThan(200)
})

test('lets code grow in its fence, with its language, without the closing fence', () => {
  const reader = new BlockReader(LEXING)
  const read = (whole: string): OpenBlock => reader.read(whole, false).open
  expect(read('```ts\nconst a')).toEqual({ type: 'code', language: 'ts', text: 'const a' })
  expect(read('```ts\nconst a = 1\n``')).toEqual({
    type: 'code',
    language: 'ts',
    text: 'const a = 1\n',
  })
  const { finished, open } = reader.read('```ts\nconst a = 1\n```\nwords', false)
  expect(finished.map(({ type }) => type)).toEqual(['code'])
  expect(open).toEqual({ type: 'markdown', text: 'words' })
})

test.each([
  ['quotes', '>'],
  ['lists', '- '],
  ['numbers', '1. '],
  ['emphasis', '_a'],
  ['bold', '**a '],
  ['brackets', '['],
  ['pictures', '!['],
  ['code', '`a``'],
  ['tags', '<a href="'],
  ['addresses', 'http://a.'],
  ['rows', '| a '],
])('reads %s without end as plain text, and what follows as markdown', (_, piece) => {
  const whole = `${piece.repeat(60_000 / piece.length)}\n\nwords\n\n# heading\n\n`
  const began = performance.now()
  const types = new BlockReader(LEXING).read(whole, true).finished.map(({ type }) => type)
  expect(performance.now() - began).toBeLessThan(2_000)
  expect(types.filter((type) => type !== 'space').slice(-3)).toEqual([
    'plain',
    'paragraph',
    'heading',
  ])
})
