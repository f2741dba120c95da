/**
 * Titles as text: the prompt for a title, and the title in an answer.
 *
 * Knows nothing of requests and conversations.
 */

const MAX_LENGTH = 80
const EXCERPT_LENGTH = 2_000
/** The rest of a longer line is ignored. */
const LONGEST_LINE = 1_000
/** The rest of a longer answer is ignored: no title needs more, and cleaning blocks the process. */
const LONGEST_ANSWER = 16 * 1024

const THOUGHT_TAG = /[<[](\/?)(?:think|thinking|thought|reasoning)[>\]]/gi
const THOUGHT_END = /[<[]\/(?:think|thinking|thought|reasoning)[>\]]/i

const LABEL =
  /^(?:(?:conversation|chat|suggested|short)\s+)?(?:title|titel|titre|título|titolo|标题|タイトル|заголовок)\s*[:：]\s*/i

let segmenter: Intl.Segmenter | undefined

/**
 * Made when first needed: making a segmenter takes as long as loading a small library. All engines
 * of a process share it, since it keeps nothing of a text.
 */
function graphemes(): Intl.Segmenter {
  return (segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' }))
}

/** The prompt for the title of a conversation that began with these texts. */
export function titlePrompt(question: string, answer: string): string {
  return [
    'Give this conversation a title of at most six words, in the language of the conversation.',
    'Answer with the title only: no quotes, no explanation.',
    '',
    `User: ${excerpt(question)}`,
    `Assistant: ${excerpt(answer)}`,
  ].join('\n')
}

/**
 * Returns the title in an answer; empty if there is none.
 *
 * Reasoning models wrap their thoughts around the title, chat models quotes, labels and markdown.
 * These may be nested, so the text is unwrapped until it stays the same.
 */
export function cleanTitle(answer: string): string {
  let title = excerptOfAnswer(answer)
  for (;;) {
    const bare = firstTitle(withoutThoughts(title))
    if (bare === title) return title
    title = bare
  }
}

/** The part of an answer that may hold the title: its end, if thoughts end there, or its beginning. */
function excerptOfAnswer(answer: string): string {
  if (answer.length <= LONGEST_ANSWER) return answer
  const end = answer.slice(-LONGEST_ANSWER)
  return THOUGHT_END.test(end) ? end : answer.slice(0, LONGEST_ANSWER)
}

/** The title where no model gives one: the beginning of the first message. */
export function fallbackTitle(firstMessage: string): string {
  return shortened(plain(firstMessage.trimStart().slice(0, LONGEST_LINE)))
}

/** The text outside of thoughts. */
function withoutThoughts(answer: string): string {
  let said = ''
  let isThinking = false
  let from = 0
  for (const tag of answer.matchAll(THOUGHT_TAG)) {
    const isEnd = tag[1] === '/'
    // An end tag without a start tag: the start tag was in the prompt, so the text before the end
    // tag is a thought.
    if (!isThinking) said = isEnd ? '' : said + answer.slice(from, tag.index)
    isThinking = !isEnd
    from = tag.index + tag[0].length
  }
  return isThinking ? said : said + answer.slice(from)
}

function withoutDecoration(line: string): string {
  const text = plain(line.slice(0, LONGEST_LINE))
  // The fence of a code block, or a rule.
  if (/^(?:```|~~~)[^`~]*$|^[-=*_#>+|~`\s]*$/.test(text)) return ''
  const bare = text
    .replace(/^#{1,6}\s+(.*?)(?:\s+#+)?$/, '$1')
    .replace(/^(?:[-+*•>]\s+)+/, '')
    .replaceAll(/\*\*(.+?)\*\*/g, '$1')
    .replaceAll(/^[*`~\s]+|[*`~\s]+$/g, '')
    .replace(/^(__?)([^_].*[^_]|[^_])\1$/, '$2')
    .replace(LABEL, '')
    // Quotes at the ends, unless there are some within: `"This" and "that"`.
    .replace(/^["“”„«»\s]*([^"“”„«»]*)["“”„«»\s]*$/, '$1')
    .replace(/^[「『]([^「『」』]*)[」』]$/, '$1')
    .replace(/^['‘‚‹](.*)['’‘›]$/, '$1')
    .replace(/(?<=(?:^|\s)[^.\s]+)\.$/, '')
  return shortened(bare.trim())
}

/** One line without invisible characters. Joiners stay where they join two characters. */
function plain(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/(?![\u200c\u200d])[\p{Cc}\p{Cf}]/gu, '')
    .replaceAll(/(?<![^\s\u200c\u200d])[\u200c\u200d]+|[\u200c\u200d]+(?=\s|$)/g, '')
    .replaceAll(/ +/g, ' ')
    .trim()
}

/** The title in the first line that has one. The lines after it are not read. */
function firstTitle(text: string): string {
  let from = 0
  while (from <= text.length) {
    const newline = text.indexOf('\n', from)
    const end = newline === -1 ? text.length : newline
    const title = withoutDecoration(text.slice(from, end))
    if (title !== '') return title
    from = end + 1
  }
  return ''
}

/** At most 80 characters, cut between words where possible, and never within an emoji. */
function shortened(title: string): string {
  if (Array.from(title).length <= MAX_LENGTH) return title
  let cut = ''
  let length = 1
  for (const { segment } of graphemes().segment(title)) {
    length += Array.from(segment).length
    if (length > MAX_LENGTH) break
    cut += segment
  }
  const space = cut.lastIndexOf(' ')
  return `${(space > cut.length / 2 ? cut.slice(0, space) : cut).trimEnd()}…`
}

function excerpt(text: string): string {
  return text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}…`.toWellFormed() : text
}
