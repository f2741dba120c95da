/** The filter for foreign text on a terminal. */
import { expect, test } from 'vitest'
import { PlainText, plain, plainLine } from '../../examples/chat/plain-text.ts'

test.each([
  ['a colour', 'a\u001B[31;1mb\u001B[0mc', 'abc'],
  ['a cursor movement', 'a\u001B[2J\u001B[1;1Hb', 'ab'],
  ['a window title', 'a\u001B]0;owned\u0007b', 'ab'],
  ['a clipboard write', 'a\u001B]52;c;ZXZpbA==\u001B\\b', 'ab'],
  ['a link', '\u001B]8;;https://evil.example\u001B\\text\u001B]8;;\u001B\\', 'text'],
  ['a device string', 'a\u001BP1$tx\u001B\\b', 'ab'],
  ['a character set', 'a\u001B(0b', 'ab'],
  ['a saved cursor', 'a\u001B7b\u001B8c', 'abc'],
  ['a sequence of one character', 'a\u009B31mb', 'ab'],
  ['a string of one character', 'a\u009D0;owned\u009Cb', 'ab'],
  ['a carriage return, which overwrites', 'safe\rtext', 'safetext'],
  ['a backspace, a bell, a NUL, a DEL', 'a\bb\u0007c\u0000d\u007Fe', 'abcde'],
  ['an escape at the end', 'a\u001B', 'a'],
  ['an override of the order', 'a\u202Egnp.exe\u202C', 'agnp.exe'],
  ['an isolate', 'a\u2066b\u2069c', 'abc'],
  ['characters without a width', 'a\u200Bb\uFEFFc\u2060d\u00ADe', 'abcde'],
  ['tags, which hide a text', 'a\u{E0041}\u{E0042}b', 'ab'],
  ['joiners that join nothing', '\u200Da \u200Cb\u200D\u200Dc', 'a b\u200Dc'],
])('takes out %s', (_, text, shown) => {
  expect(plain(text)).toBe(shown)
})

test('lets newlines, tabs and every script pass', () => {
  const text = 'a\tb\nπ 語 🙂 é — עברית 👩‍👩‍👧 می\u200Cخواهم\n'

  expect(plain(text)).toBe(text)
})

test('shows the rest of an answer whose sequence never ends', () => {
  expect(plain('a\u001B]0;never closed\nb')).toBe('a\nb')
  expect(plain('a\u001B[31é')).toBe('aé')
})

test('finds a sequence wherever a stream splits it', () => {
  const text = 'a\u001B[31mb\u001B]52;c;ZXZpbA==\u001B\\c\u009B1md\u001B(0e'
  for (let at = 0; at <= text.length; at++) {
    const filter = new PlainText()
    expect(filter.add(text.slice(0, at)) + filter.add(text.slice(at))).toBe('abcde')
  }
})

test('shows a character that a stream cuts in half, once it is whole', () => {
  const filter = new PlainText()

  expect([filter.add('a\uD83D'), filter.add('\uDE42'), filter.add('b')]).toEqual(['a', '🙂', 'b'])
})

test('cuts a line by characters, not in the middle of one', () => {
  expect(plainLine('one\n  two\tthree', 20)).toBe('one two three')
  expect(plainLine('🙂🙂🙂🙂', 3)).toBe('🙂🙂…')
})

test('knows a joiner at the start of a piece by the piece before', () => {
  const filter = new PlainText()

  expect(filter.add('👩') + filter.add('\u200D👧 ') + filter.add('\u200Da')).toBe('👩\u200D👧 a')
})
