/** Makes a title from an answer, or from a first message. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cleanTitle, fallbackTitle, titlePrompt } from '../../../src/engine/one-shots/title.ts'
import { expectGrowth } from '../../support/growth.ts'

describe('the title in an answer', () => {
  test.each([
    ['as it is', 'The actor model', 'The actor model'],
    ['in quotes', '"The actor model"', 'The actor model'],
    ['in typographic quotes', '„Das Aktormodell“', 'Das Aktormodell'],
    ['in guillemets', '« Le modèle acteur »', 'Le modèle acteur'],
    ['in CJK brackets', '「アクターモデル」', 'アクターモデル'],
    ['in backticks', '`The actor model`', 'The actor model'],
    ['in bold', '**The actor model**', 'The actor model'],
    ['in bold with a label', '**Title:** The actor model', 'The actor model'],
    ['in a heading', '## The actor model', 'The actor model'],
    ['in a closed heading', '# The actor model #', 'The actor model'],
    ['in a list', '- The actor model', 'The actor model'],
    ['in a quotation', '> The actor model', 'The actor model'],
    ['in a code block', '```\nThe actor model\n```', 'The actor model'],
    ['in a marked code block', '```text\nThe actor model\n```', 'The actor model'],
    ['after a label', 'Title: The actor model', 'The actor model'],
    ['after a label in quotes', '"Title: The actor model"', 'The actor model'],
    ['after a longer label', 'Conversation title: "The actor model"', 'The actor model'],
    ['after a label in German', 'Titel: Das Aktormodell', 'Das Aktormodell'],
    ['after a label on a line of its own', 'Title:\nThe actor model', 'The actor model'],
    ['after thoughts', '<think>\nWhat?\n</think>\n\nThe actor model', 'The actor model'],
    ['after thoughts without a start', 'What?\n</think>\nThe actor model', 'The actor model'],
    ['after two thoughts', '<think>a</think><thinking>b</thinking>Title', 'Title'],
    ['between thoughts', '<THINK>a</THINK> Actors <think>was that', 'Actors'],
    ['before an explanation', 'The actor model\n\nI chose it because', 'The actor model'],
    ['with a full stop', 'The actor model.', 'The actor model'],
    ['with a question mark', 'What is an actor?', 'What is an actor?'],
    ['with dots', 'And then…', 'And then…'],
    ['with an apostrophe at its end', "The actors'", "The actors'"],
    ['with quotes within', 'The "actor" model', 'The "actor" model'],
    ['with emphasis within', 'The **actor** model', 'The actor model'],
    ['with a colon within', 'Actors: a history', 'Actors: a history'],
    ['with C#', 'Actors in C#', 'Actors in C#'],
    ['that begins with a number', '3 ways to stop a stream', '3 ways to stop a stream'],
    ['with white space', '  The\tactor \u00a0 model \n', 'The actor model'],
    ['with control characters', 'The \u0007actor\u001b[31m model\u202e', 'The actor[31m model'],
    ['with an emoji that is joined', 'A family 👨‍👩‍👧 of actors', 'A family 👨‍👩‍👧 of actors'],
    ['of nothing', '', ''],
    ['of white space', ' \n\t ', ''],
    ['of thoughts only', '<think>What could it be?</think>', ''],
    ['of thoughts that were cut', '<think>What could it', ''],
    ['of quotes only', '""', ''],
    ['of a label only', 'Title:', ''],
    ['of markdown only', '***\n---\n```', ''],
  ])('%s', (_, answer, title) => {
    expect(cleanTitle(answer)).toBe(title)
  })

  test('is cut between words', () => {
    const title = cleanTitle('word '.repeat(40))

    expect(title).toMatch(/^(word )+word…$/)
    expect(title.length).toBeLessThanOrEqual(80)
  })

  test('is not cut within an emoji', () => {
    const family = '👨‍👩‍👧‍👦'

    expect(cleanTitle(family.repeat(30))).toBe(`${family.repeat(11)}…`)
  })

  test('is cut between characters where there are no words', () => {
    expect(cleanTitle('😀'.repeat(200))).toBe(`${'😀'.repeat(79)}…`)
  })
})

describe('the title of a first message', () => {
  test.each([
    ['Tell me a story', 'Tell me a story'],
    ['  Tell me\n\n a story  ', 'Tell me a story'],
    ['tell\u0000 me \u001b[31ma story', 'tell me [31ma story'],
    ['# Not markdown here', '# Not markdown here'],
    ['\u200b\u200b', ''],
  ])('%j is called %j', (message, title) => {
    expect(fallbackTitle(message)).toBe(title)
  })

  test('is the same each time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (message) => {
        expect(fallbackTitle(message)).toBe(fallbackTitle(message))
      }),
    )
  })
})

/** The wrappings in which titles come, and characters that are easily cut or lost. */
const PIECES = '<think> </think> <reasoning> " “ * ** # ` ``` _ - > Title: . … 😀 \ud83d a \' ¿ 「'
  .split(' ')
  .concat(['# ', '- ', 'word ', ' ', '\n', '\r\n', '\u0000', '\u200d', '\u2028', 'x'.repeat(90)])

/** Texts of those pieces, or of anything. */
const answers = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((pieces) => pieces.join('')),
)

describe.each([
  ['an answer', cleanTitle],
  ['a first message', fallbackTitle],
])('whatever %s is, its title', (_, titleOf) => {
  test('is at most 80 characters long', () => {
    fc.assert(
      fc.property(answers, (text) => {
        expect(Array.from(titleOf(text)).length).toBeLessThanOrEqual(80)
      }),
    )
  })

  test('is one line of well-formed text without control characters', () => {
    fc.assert(
      fc.property(answers, (text) => {
        const title = titleOf(text)
        expect(title).not.toMatch(/[\p{Cc}\u2028\u2029]/u)
        expect(title.isWellFormed()).toBe(true)
        expect(title).toBe(title.trim())
      }),
    )
  })

  test('is its own title', () => {
    fc.assert(
      fc.property(answers, (text) => {
        const title = titleOf(text)
        expect(titleOf(title)).toBe(title)
      }),
      { numRuns: 1000 },
    )
  })
})

test('an answer is cleaned in a time that does not explode', () => {
  const startedAt = performance.now()

  for (const piece of [
    '<think>',
    '</think>',
    '"',
    ' ',
    '*',
    '.',
    '\n',
    '# ',
    'Title: ',
    '<think>a',
  ]) {
    cleanTitle(piece.repeat(20_000))
  }

  expect(performance.now() - startedAt).toBeLessThan(2_000)
})

test('the prompt has an excerpt of either side, and no more', () => {
  const prompt = titlePrompt('q'.repeat(10_000), 'a'.repeat(10_000))

  expect(prompt.length).toBeLessThan(5_000)
  expect(prompt).toMatch(/User: q+…\nAssistant: a+…$/)
  expect(titlePrompt(`${'q'.repeat(1_999)}😀`, 'a').isWellFormed()).toBe(true)
})

/** Fills an answer to a size that is never cleaned as a whole. */
const LONG = 'I could say more. '.repeat(20_000)

describe('the title in a very long answer', () => {
  test.each([
    ['at its beginning', `The actor model\n\n${LONG}`, 'The actor model'],
    ['after long thoughts', `<think>${LONG}</think>\n\nThe actor model`, 'The actor model'],
    ['after long thoughts without a start', `${LONG}</think>The actor model`, 'The actor model'],
    ['after long reasoning in brackets', `[THINK]${LONG}[/THINK] "Actors"`, 'Actors'],
    ['after thousands of empty lines', `${'\r\n'.repeat(5_000)}Title: Actors\n${LONG}`, 'Actors'],
    ['between long thoughts', `<think>${LONG}</think> Actors\n<think>was that`, 'Actors'],
    ['of thoughts only', `<think>${LONG}`, ''],
    ['of thoughts that end in nothing', `<think>${LONG}</think>`, ''],
    ['of thoughts that end amid it', `<think>${LONG}</think>Actors\n${LONG}`, ''],
  ])('%s', (_, answer, title) => {
    expect(cleanTitle(answer)).toBe(title)
  })
})

describe('an answer of a hundred times the size costs no more', () => {
  test.each([
    ['lines', 'x\n'],
    ['empty lines', '\n'],
    ['lines of white space', ' \r\n'],
    ['rules', '---\n'],
    ['labels', 'Title:\n'],
    ['thoughts', '<think>a</think>'],
    ['ends of thoughts', '</think>'],
    ['beginnings of thoughts', '<think>'],
    ['brackets', '['],
    ['quotes', '"\n'],
    ['emphasis', '**a** '],
    ['joiners', '\u200d'],
  ])('of %s', (_, piece) => {
    const clean = (bytes: number) => {
      const answer = piece.repeat(bytes / piece.length)
      return () => {
        for (let round = 0; round < 3; round += 1) cleanTitle(answer)
      }
    }

    expectGrowth(clean(40_000), clean(4_000_000))
  })
})
