/** The parts of the line editor: keys, drafts, history, continuation, completion, layout. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Completion } from '../../../examples/chat/completion.ts'
import { goesOn, unwrapBlock } from '../../../examples/chat/continuation.ts'
import { Draft } from '../../../examples/chat/draft.ts'
import { layOutDraft } from '../../../examples/chat/draft-layout.ts'
import { History } from '../../../examples/chat/history.ts'
import { Keys } from '../../../examples/chat/keys.ts'
import { textWidth } from '../../../examples/chat/text-width.ts'

describe('keys', () => {
  test.each([
    ['\u001B[A', 'up'],
    ['\u001BOA', 'up'],
    ['\u001B[1;5C', 'word-right'],
    ['\u001Bb', 'word-left'],
    ['\u001B[3~', 'delete'],
    ['\u0017', 'delete-word'],
    ['\u001B\r', 'newline'],
    ['\r', 'enter'],
    ['\n', 'enter'],
    ['\t', 'tab'],
  ])('reads %j as %s, wherever it is cut', (sequence, key) => {
    for (let at = 0; at < sequence.length; at++) {
      if (at === 1 && sequence.length === 2 && sequence[0] === '\u001B') continue
      const keys = new Keys()
      expect([...keys.read(sequence.slice(0, at)), ...keys.read(sequence.slice(at))]).toEqual([
        { key },
      ])
    }
  })

  test('reads a pasted text as one, wherever it is cut', () => {
    const text = 'one\ntwo\u001B[A\r\nthree'
    const bytes = `a\u001B[200~${text}\u001B[201~b`
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 6 }), (places) => {
        const keys = new Keys()
        const cuts = [...places, bytes.length].toSorted((a, b) => a - b)
        const read = cuts.flatMap((place, index) =>
          keys.read(bytes.slice(cuts[index - 1] ?? 0, place)),
        )
        expect(read).toEqual([
          { key: 'text', text: 'a' },
          { key: 'paste', text },
          { key: 'text', text: 'b' },
        ])
      }),
    )
  })

  test('ignores sequences that it does not know, and an escape alone', () => {
    const keys = new Keys()

    expect(keys.read('\u001B[99;9Q\u001B[<0;1;1Mx')).toEqual([{ key: 'text', text: 'x' }])
    expect([...keys.read('\u001B'), ...keys.read('\u0003')]).toEqual([{ key: 'interrupt' }])
    expect(keys.read('\u001B\u0003')).toEqual([{ key: 'interrupt' }])
  })

  test('never keeps more than a sequence of what makes no sense', () => {
    const keys = new Keys()

    keys.read(`\u001B[${'1;'.repeat(10_000)}`)
    expect(keys.read('\r').at(-1)).toEqual({ key: 'enter' })
  })
})

describe('a draft', () => {
  test('deletes and moves by characters as a person sees them', () => {
    const draft = new Draft()
    draft.insert('a👩‍👩‍👧e\u0301')
    draft.left()
    draft.deleteBefore()
    expect(draft.text).toBe('ae\u0301')
    draft.end()
    draft.deleteBefore()
    expect(draft.text).toBe('a')
  })

  test('moves between its lines, and says where they end', () => {
    const draft = new Draft()
    draft.insert('one\nlonger\nx')
    expect(draft.up()).toBe(true)
    expect(draft.cursor).toBe(5)
    draft.end()
    expect([draft.up(), draft.cursor]).toEqual([true, 3])
    expect(draft.up()).toBe(false)
    expect([draft.down(), draft.down(), draft.down()]).toEqual([true, true, false])
  })

  test('gives back what was deleted last', () => {
    const draft = new Draft()
    draft.insert('tell me more')
    draft.deleteWord()
    draft.home()
    draft.yank()
    expect(draft.text).toBe('moretell me ')
    draft.deleteNextWord()
    draft.wordRight()
    draft.deleteToEnd()
    expect(draft.text).toBe('more me')
  })
})

describe('history', () => {
  test('goes back and forth, and keeps what was being typed', () => {
    const history = new History()
    history.load(['one', 'two', 'two'])

    expect(history.older('dra')).toBe('two')
    expect(history.older('two')).toBe('one')
    expect(history.older('one')).toBeUndefined()
    expect(history.newer('one')).toBe('two')
    expect(history.newer('two')).toBe('dra')
    expect(history.newer('dra')).toBeUndefined()
  })
})

describe('a message of several lines', () => {
  test.each([
    ['plain', undefined],
    ['ends with \\', 'ends with \n'],
    ['two are one \\\\', undefined],
    ['"""', '"""\n'],
    ['"""a\nb', '"""a\nb\n'],
    ['"""a\nb"""', undefined],
    ['say """ here', undefined],
  ])('goes on after %j: %j', (text, expected) => {
    expect(goesOn(text)).toBe(expected)
  })

  test('is what is between the marks', () => {
    expect(unwrapBlock('"""\none\n\n two\n"""')).toBe('one\n\n two')
    expect(unwrapBlock('"""one"""')).toBe('one')
    expect(unwrapBlock('say """')).toBe('say """')
  })
})

describe('completion', () => {
  const completion = new Completion(
    new Map([
      ['model', () => ['large', 'larger', '@groq']],
      ['retry', undefined],
      ['title', undefined],
    ]),
  )

  test.each([
    ['/re', '/retry '],
    ['/model la', '/model large'],
    ['/model @', '/model @groq'],
    ['/model x', '/model x'],
    ['/nonsense x', '/nonsense x'],
    ['no command', 'no command'],
    ['/usr/bin', '/usr/bin'],
  ])('makes %j to %j', async (line, expected) => {
    expect((await completion.complete(line)).line).toBe(expected)
  })

  test('offers what there is', async () => {
    expect((await completion.complete('/')).choices).toEqual(['/model', '/retry', '/title'])
    expect((await completion.complete('/model large')).choices).toEqual(['large', 'larger'])
  })
})

describe('the rows of a draft', () => {
  const text = fc
    .array(fc.constantFrom('a', 'bc ', '語', '🙂', 'e\u0301', '\n', '\t', 'word'), {
      maxLength: 60,
    })
    .map((parts) => parts.join(''))

  test('fit on the screen and have the cursor in them, whatever is typed', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.integer({ min: 8, max: 40 }), (typed, seed, columns) => {
        const cursor = typed.length === 0 ? 0 : seed % (typed.length + 1)
        const layout = layOutDraft({ prompt: 'you> ', text: typed, cursor }, { columns, height: 6 })
        expect(layout.rows.length).toBeLessThanOrEqual(6)
        for (const row of layout.rows) expect(textWidth(row)).toBeLessThan(columns)
        expect(layout.cursorRow).toBeGreaterThanOrEqual(0)
        expect(layout.cursorRow).toBeLessThan(layout.rows.length)
        expect(layout.cursorColumn).toBeLessThan(columns)
      }),
      { numRuns: 300 },
    )
  })

  test('are those around the cursor, if there are more than fit', () => {
    const typed = Array.from({ length: 100 }, (_, index) => `line ${index}`).join('\n')
    const at = (cursor: number) =>
      layOutDraft({ prompt: '> ', text: typed, cursor }, { columns: 40, height: 3 })

    expect(at(typed.length).rows.at(-1)).toBe('  line 99')
    expect(at(0).rows[0]).toBe('> line 0')
  })
})
