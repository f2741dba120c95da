/** The scripted answers of the practice provider. Each says that it is scripted. */

export interface PracticeAnswer {
  readonly reasoning?: string
  readonly text: string
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

Ask me for a story, ask me to think, or tell me to count and stop me halfway with Ctrl-C. To talk to
a model, set OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL and start again.
`

const COUNT = `
I count to five hundred, as scripted, so that there is time to stop me:
${Array.from({ length: 500 }, (_, index) => index + 1).join(' ')}
`

/** The answer to a question, chosen by the words in it. */
export function practiceAnswer(question: string): PracticeAnswer {
  if (/\bstor(y|ies)\b/i.test(question)) return { text: unwrapped(STORY) }
  if (/\b(think|reason)/i.test(question)) {
    return { reasoning: unwrapped(REASONING), text: unwrapped(THOUGHT) }
  }
  if (/\bcount\b/i.test(question)) return { text: unwrapped(COUNT) }
  return { text: unwrapped(HELP) }
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
