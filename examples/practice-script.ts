/** The scripted answers of the practice provider. Each says that it is scripted. */

export interface PracticeAnswer {
  readonly reasoning?: string
  readonly text: string
  /** A tool that is called after the text. */
  readonly call?: { readonly name: string; readonly input: object }
  /** How many requests are refused with status 503 before one is answered. */
  readonly refusals?: number
  /** True if the connection breaks in the middle of the text. */
  readonly isCut?: boolean
}

/** What a question comes with. */
export interface PracticeContext {
  /** The names of the tools that may be called. */
  readonly tools?: readonly string[]
  /** The result of the call that was made last. */
  readonly result?: string | undefined
}

const STORY = `
Once upon a time an actor lived in a small machine. Whatever arrived, it read one message at a
time, and while it thought about one it never worried about the next.

One evening a reply came in, a word at a time. Halfway through, someone cried "Stop!", and the
actor stopped. It did not throw the half away: it wrote it down, marked it, and slept.

In the morning it was asked what had happened, and it could tell every word.

(This story is scripted: the practice provider has no model behind it.)
`

const REASONING = `
The word "think" is in the question, so the script has this reasoning come first. A real model
would weigh its answer here.
`

const THOUGHT = `
I have thought about it, as far as a script can: what you saw before this answer came as reasoning,
which is kept beside the text and not in it.
`

const HELP = `
I am the practice provider that comes with Colloquy's examples. My answers are scripted: there is no
model behind them.

Ask me for a story, for code and a table, or what time it is in Oslo. Ask me to leave a note, to think, or to be busy at
first. Tell me to fail, or to count to five hundred, and stop me halfway. To talk to a model, set OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL and start again.
`

const COUNT = `
I count to five hundred, as scripted, so that there is time to stop me:
${Array.from({ length: 500 }, (_, index) => index + 1).join(' ')}
`

const SHOWCASE = `
Here is a **scripted** answer with some of what a reply may hold.

## Code

\`\`\`ts
import { createEngine } from 'colloquy'

// A reply streams to any number of readers, and is on disk when it ends.
const engine = await createEngine({ database: 'chat.db' })
const chat = await engine.startConversation({ title: 'Stories' })
const turn = await engine.send(chat.id, 'Tell me a story')
for await (const { text } of turn.snapshots()) show(text)
\`\`\`

## A table

| What happens | What is kept | What to do |
| --- | --- | --- |
| You press **Stop** | the text so far | regenerate, or go on |
| The connection breaks | everything | nothing: it connects again |
| The server is killed | all but the last second | try again |

## And the rest

1. Lists, with *emphasis* and \`inline code\`
2. Links, like [the documents of XState](https://stately.ai/docs)
3. Quotes:

> Whatever arrived, it read one message at a time.

None of this comes from a model: the practice provider has none behind it.
`

const BUSY = `
I was busy at first, as scripted: two requests were refused, and the third one is this answer. You sent
your message only once.
`

const FAIL = `
I begin this answer as if nothing were wrong, and then, as scripted, the connection to the provider breaks
in the middle of a sentence, so that you can see what is kept and which button helps.
`

const NO_TOOL = `
I would, but this chat offers no tool for it. The page of npm start offers two, and so does npm run chat.
`

const ZONES: Readonly<Record<string, string>> = {
  oslo: 'Europe/Oslo',
  berlin: 'Europe/Berlin',
  london: 'Europe/London',
  'new york': 'America/New_York',
  tokyo: 'Asia/Tokyo',
  sydney: 'Australia/Sydney',
}

/** The answer to a question, chosen by the words in it. */
export function practiceAnswer(
  question: string,
  { tools = [], result }: PracticeContext = {},
): PracticeAnswer {
  if (result !== undefined) return { text: afterTool(result) }
  if (/\b(code|table)\b/i.test(question)) return { text: SHOWCASE.trim() }
  if (/\btime is it\b/i.test(question)) return timeAnswer(question, tools)
  if (/\bnote\b/i.test(question)) return noteAnswer(tools)
  if (/\bbusy\b/i.test(question)) return { text: unwrapped(BUSY), refusals: 2 }
  if (/\bfail\b/i.test(question)) return { text: unwrapped(FAIL), isCut: true }
  if (/\bstor(y|ies)\b/i.test(question)) return { text: unwrapped(STORY) }
  if (/\b(think|reason)/i.test(question)) {
    return { reasoning: unwrapped(REASONING), text: unwrapped(THOUGHT) }
  }
  if (/\bcount\b/i.test(question)) return { text: unwrapped(COUNT) }
  return { text: unwrapped(HELP) }
}

function timeAnswer(question: string, tools: readonly string[]): PracticeAnswer {
  if (!tools.includes('time')) return { text: unwrapped(NO_TOOL) }
  const city = Object.keys(ZONES).find((name) => question.toLowerCase().includes(name))
  const zone = city === undefined ? 'UTC' : ZONES[city]
  return { text: 'I look at the clock.', call: { name: 'time', input: { zone } } }
}

function noteAnswer(tools: readonly string[]): PracticeAnswer {
  if (!tools.includes('note')) return { text: unwrapped(NO_TOOL) }
  const input = { text: 'The practice provider was here.' }
  return { text: 'I would like to leave a note. You decide.', call: { name: 'note', input } }
}

function afterTool(result: string): string {
  return `The tool answered \`${result}\`. (That is all a script can make of it.)`
}

/** A title: the first words of the conversation, which the request contains. */
export function practiceTitle(prompt: string): string {
  const [, question = prompt] = /^User: (.+)$/m.exec(prompt) ?? []
  return question.split(/\s+/).slice(0, 6).join(' ')
}

/** Text without the line breaks of this file, since a model sends whole paragraphs. */
function unwrapped(text: string): string {
  return text.trim().replaceAll(/(?<!\n)\n(?!\n)/g, ' ')
}
