import * as fc from 'fast-check'

/** Strings as JavaScript has them: lone surrogates, NUL, quotes. */
export const anyString = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\0', '\ud800', '\udc00', '"', '\\', "'", '?', 'é', '\u{1f600}', '\n'),
  }),
)
