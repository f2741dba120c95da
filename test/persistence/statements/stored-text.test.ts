/** Text in its stored form: every string comes back. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromText, toText } from '../../../src/persistence/statements/stored-text.ts'
import { anyString } from '../any-string.ts'

test('gives back any string, and writes none that a database would change', () => {
  fc.assert(
    fc.property(anyString, (text) => {
      const column = toText(text)
      expect(fromText(column)).toBe(text)
      expect(column.isWellFormed()).toBe(true)
      expect(column).not.toContain('\0')
    }),
  )
})

test('writes different strings differently', () => {
  fc.assert(
    fc.property(anyString, anyString, (one, other) => {
      expect(toText(one) === toText(other)).toBe(one === other)
    }),
  )
  expect(toText('"\0"')).not.toBe(toText(JSON.stringify('"\0"')))
})

test('leaves ordinary text as it is, for whoever reads the database by hand', () => {
  expect(toText('Once upon a "time"\n')).toBe('Once upon a "time"\n')
})
