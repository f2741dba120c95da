/** Arbitrary strings, as JavaScript allows them: lone surrogates, NUL, quotes. */
import * as fc from 'fast-check'

export const anyString = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\0', '\ud800', '\udc00', '"', '\\', "'", '?', 'é', '\u{1f600}', '\n'),
  }),
)
