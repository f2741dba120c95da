/** The text of the mock provider's replies: prose with line breaks, quotes, code and non-ASCII. */
import { createHash } from 'node:crypto'

const PROSE = `An actor is a small, self-contained unit of work. It has a private state, a mailbox, and a
rule that says what to do with each message: change the state, send other messages, or start more
actors. Nobody else may touch that state — and that is the whole point. "Share nothing, talk about
everything", as the saying goes.

Why would you want that? Because most bugs in concurrent programs come from two places changing one
thing at the same time. With actors there is only ever one place. It doesn’t make programs faster by
itself, but it makes them easier to reason about, and what is easy to reason about can be made fast.

1. **Isolation**: one actor fails, the others go on.
2. **Order**: messages from one sender arrive in the order in which they were sent.
3. **Location**: an actor may run here, or on another machine; callers can't tell.

\`\`\`ts
const actor = createActor(machine, { input: { id: "a-1", path: 'C:\\\\temp' } })
actor.subscribe((snapshot) => console.log(snapshot.value))
actor.start()
\`\`\`

The price is that everything becomes a message, also what used to be a function call; so keep actors
coarse, and let the data flow beside them. Naïve designs send every token through a machine.

`

/** Pieces like those of a tokeniser: a word with the space before it; long words are split. */
const TOKENS = PROSE.match(/\n+ *|[^\S\n]?[^\s]{1,7}|\s/gu) ?? []

/** The text of the nth delta. It is the same in every reply. */
export function token(n: number): string {
  return TOKENS[n % TOKENS.length] as string
}

/** The whole text of a reply of that many deltas. */
export function replyText(deltas: number): string {
  const whole = TOKENS.join('').repeat(Math.floor(deltas / TOKENS.length))
  return whole + TOKENS.slice(0, deltas % TOKENS.length).join('')
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
