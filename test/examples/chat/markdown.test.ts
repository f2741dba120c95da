/** Markdown, rendered lightly while it streams. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Markdown } from '../../../examples/chat/markdown.ts'
import { coloured, colourless } from '../../../examples/chat/paint.ts'
import { WordWrap } from '../../../examples/chat/word-wrap.ts'
import { Screen } from '../screen.ts'
import { expectGrowth } from '../../support/growth.ts'

interface Look {
  readonly columns?: number
  readonly colours?: boolean
}

function written(pieces: readonly string[], { columns = 40, colours = true }: Look = {}): string {
  const wrap = new WordWrap({ columns: () => columns, paint: colours ? coloured : colourless })
  const markdown = new Markdown(wrap, { colours })
  return pieces.map((piece) => markdown.add(piece)).join('') + markdown.end()
}

function rows(text: string, look: Look = {}): readonly string[] {
  return new Screen(look.columns ?? 40, 1000).write(written([text], look).replaceAll('\n', '\r\n'))
    .lines
}

// oxlint-disable-next-line no-control-regex -- styles are what this file is about
const BOLD = /\u001B\[1m([^\u001B]*)\u001B\[22m/u

test.each([
  ['bold', 'a **strong** word', 'a strong word'],
  ['bold with underscores', 'a __strong__ word', 'a strong word'],
  ['italic', 'an *odd* _word_', 'an odd word'],
  ['code, whose marks stay', 'call `f(x)` now', 'call `f(x)` now'],
  ['a heading', '## Use\ntext', 'Use\ntext'],
  ['a list', '- one\n* two\n+ three\n  - inner', '• one\n• two\n• three\n  • inner'],
  ['a numbered list', '1. one\n10) ten', '1. one\n10) ten'],
  ['a quote', '> said\n> > again', '│ said\n│ │ again'],
  ['a rule', 'a\n\n---\nb', 'a\n\n───\nb'],
  ['a list in a quote', '> - one', '│ • one'],
  ['bold in a list', '- **one**: 1', '• one: 1'],
])('renders %s', (_, text, expected) => {
  expect(rows(text).join('\n')).toBe(expected)
})

test.each([
  ['a power', 'so 2**3 and 2 ** 3 are 8'],
  ['a product', 'a*b*c and 3 * 4 * 5'],
  ['names with underscores', 'use snake_case_name and __init or _x'],
  ['a mark without its pair', 'this **never ends'],
  ['an escaped mark', 'not \\*italic\\* here'],
  ['a hash without a blank', '#hashtag and C#'],
  ['a number at the beginning', '2024 was a year'],
  ['a dash', '-5 degrees'],
  ['a backtick alone', 'a ` alone'],
  ['an arrow', '=> x and -> y'],
])('leaves %s as it is', (_, text) => {
  expect(rows(text)).toEqual([text])
})

test('leaves code as it is, and lets the terminal break its rows', () => {
  const code = '```js\nconst a = 2 ** 3 // - no list, **no bold**\n# no heading\n```\nafter **it**'

  expect(rows(code, { columns: 60 })).toEqual([
    '```js',
    'const a = 2 ** 3 // - no list, **no bold**',
    '# no heading',
    '```',
    'after it',
  ])
  expect(written(['```\n' + 'x'.repeat(50) + '\n```'], { columns: 20 })).toContain('x'.repeat(50))
})

test('keeps a shorter or another fence inside code', () => {
  expect(rows('````\n```\n~~~\n````\n**b**')).toEqual(['````', '```', '~~~', '````', 'b'])
})

test('indents the rows that continue a list or a quote', () => {
  expect(rows('- one two three four', { columns: 10 })).toEqual(['• one two', '  three', '  four'])
  expect(rows('> one two three four', { columns: 10 })).toEqual(['│ one two', '│ three', '│ four'])
})

test('keeps the marks of bold where there are no colours to show it', () => {
  expect(rows('# Head\n- **a** `b`', { colours: false })).toEqual(['# Head', '• **a** `b`'])
  expect(written(['# Head\n**a**'], { colours: false })).not.toContain('\u001B[1m')
})

test('shows bold by its style', () => {
  expect(BOLD.exec(written(['a **strong word** b']))?.[1]).toBe('strong word')
})

test('shows text at once that cannot be a mark', () => {
  const markdown = new Markdown(new WordWrap({ columns: () => 40, paint: colourless }), {
    colours: true,
  })

  expect(markdown.add('Once')).toBe('Once')
  expect(markdown.add(' upon')).toBe(' upon')
})

test('shows what it held back when the text ends', () => {
  for (const text of ['**', '#', '- ', '`', '``` js', '1.', 'a **b', '***', '>']) {
    expect(rows(text, { colours: false }).join('').length, text).toBeGreaterThan(0)
  }
})

const piece = fc.constantFrom(
  '**',
  '*',
  '_',
  '`',
  '```',
  '\n',
  ' ',
  '- ',
  '# ',
  '> ',
  '1. ',
  'word',
  'wörd',
  '語',
  '|',
  '---',
  '~~~',
)

test('shows the same, wherever a stream cuts the text', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      const one = new Screen(20, 1000).write(
        written([pieces.join('')], { columns: 20 }).replaceAll('\n', '\r\n'),
      )
      const many = new Screen(20, 1000).write(
        written(pieces, { columns: 20 }).replaceAll('\n', '\r\n'),
      )
      const chars = Array.from(pieces.join(''))
      const each = new Screen(20, 1000).write(
        written(chars, { columns: 20 }).replaceAll('\n', '\r\n'),
      )
      expect(many.text).toBe(one.text)
      expect(each.text).toBe(one.text)
    }),
    { numRuns: 500, examples: [[[' ', 'wörd', 'wörd', '|', '~~~', 'wörd', 'word']]] },
  )
})

test('loses no letter', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      const text = pieces.join('')
      const letters = (shown: string) => shown.replaceAll(/[^a-zö語]/g, '')
      expect(letters(rows(text).join(''))).toBe(letters(text))
    }),
    { numRuns: 500 },
  )
})

test('costs in proportion to the text', () => {
  const hostile = ['**a', '`', '_b ', '- - ', '# ', '\n> > ', '```x', '~~', 'x'.repeat(30)]
  const write = (count: number) => () =>
    written(Array.from({ length: count }, (_, index) => hostile[index % hostile.length] ?? ''))

  // Four times the text; sixteen times the time would be its square.
  expectGrowth(write(10_000), write(40_000), { most: 12, floor: 2_000 })
})
