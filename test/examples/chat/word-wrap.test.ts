/** Rows that break at words, by display width. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { colourless, coloured } from '../../../examples/chat/paint.ts'
import { textWidth } from '../../../examples/chat/text-width.ts'
import { WordWrap } from '../../../examples/chat/word-wrap.ts'
import { Screen } from '../screen.ts'
import { expectGrowth } from '../../support/growth.ts'

/** The rows of a text that arrives in these pieces. */
function rows(pieces: readonly string[], columns: number, paint = colourless): readonly string[] {
  const wrap = new WordWrap({ columns: () => columns, paint })
  const screen = new Screen(columns, 1000)
  for (const piece of pieces) screen.write(wrap.words(piece).replaceAll('\n', '\r\n'))
  return screen.lines
}

test.each([
  ['at blanks', 'one two three four', 9, ['one two', 'three', 'four']],
  ['a word that fills a row exactly', 'abcd efgh', 4, ['abcd', 'efgh']],
  ['a word that is longer than a row', 'see abcdefghij ok', 6, ['see', 'abcdef', 'ghij', 'ok']],
  ['between wide characters', '日本語の文章です', 7, ['日本語', 'の文章', 'です']],
  ['not before closing punctuation', 'あいう。えお', 6, ['あい', 'う。え', 'お']],
  ['by the width of emoji', '🙂🙂 🙂🙂 🙂', 6, ['🙂🙂', '🙂🙂', '🙂']],
  ['by joined characters as one', '👩‍👩‍👧 👩‍👩‍👧 ab', 5, ['👩‍👩‍👧 👩‍👩‍👧', 'ab']],
  [
    'by characters with marks as one',
    'é'.normalize('NFD').repeat(6),
    4,
    ['é'.normalize('NFD').repeat(4), 'é'.normalize('NFD').repeat(2)],
  ],
  ['lines that the text has', 'a\n\nb', 5, ['a', '', 'b']],
])('breaks %s', (_, text, columns, expected) => {
  expect(rows([text], columns)).toEqual(expected)
})

test('shows the beginning of a word at once, and moves it when it gets too long', () => {
  expect(rows(['one tw'], 8)).toEqual(['one tw'])
  expect(rows(['one tw', 'elve'], 8)).toEqual(['one', 'twelve'])
})

test('measures a character that arrives in two pieces as one', () => {
  expect(rows(['👍', '🏽 語 '], 5)).toEqual(['👍🏽 語'])
})

test('keeps a colour of skin that comes late on the row of its emoji', () => {
  expect(rows(['aa  👍🏽 👍', '🏽 '], 5)).toEqual(['aa', '👍🏽 👍🏽'])
})

const word = fc.oneof(
  fc.stringMatching(/^[a-z]{1,14}$/),
  fc.constantFrom('語', '日本', '🙂', '👍🏽', 'né', 'e\u0301a', '。', 'a語b', '한국'),
)
const text = fc
  .array(fc.tuple(word, fc.constantFrom(' ', '  ', '\n', '')), { maxLength: 30 })
  .map((pairs) => pairs.flat().join(''))
const cuts = fc.array(fc.nat(400), { maxLength: 10 })

function cut(whole: string, places: readonly number[]): readonly string[] {
  const chars = Array.from(whole)
  const sorted = [...new Set(places.filter((place) => place < chars.length))].toSorted(
    (a, b) => a - b,
  )
  return [...sorted, chars.length].map((place, index) =>
    chars.slice(sorted[index - 1] ?? 0, place).join(''),
  )
}

describe('whatever the text and its pieces', () => {
  test('shows the same rows as for the whole text, none wider than the screen', () => {
    fc.assert(
      fc.property(text, cuts, fc.integer({ min: 4, max: 20 }), (whole, places, columns) => {
        const shown = rows(cut(whole, places), columns, coloured)
        expect(shown).toEqual(rows([whole], columns))
        for (const row of shown) expect(textWidth(row)).toBeLessThanOrEqual(columns)
      }),
      { numRuns: 300 },
    )
  })

  test('loses no character but the blanks at breaks', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 4, max: 20 }), (whole, columns) => {
        expect(rows([whole], columns).join('').replaceAll(' ', '')).toBe(
          whole.replaceAll(/\s/g, ''),
        )
      }),
    )
  })

  test('breaks a word only where it is longer than a row', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,9}$/)), (words) => {
        const shown = rows([words.join(' ')], 10)
        expect(shown.flatMap((row) => row.split(' ')).filter(Boolean)).toEqual(words)
      }),
    )
  })
})

test('costs in proportion to the text', () => {
  const wrapped = (length: number) => () => {
    const wrap = new WordWrap({ columns: () => 80, paint: colourless })
    const piece = 'x'.repeat(10)
    for (let at = 0; at < length; at += piece.length) wrap.words(piece)
  }

  expectGrowth(wrapped(200_000), wrapped(800_000))
})
