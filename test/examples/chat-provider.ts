/** What the provider of a terminal chat replies, and what it was asked. */
import type { Exchange, Provider, Script } from '../support/provider.ts'
import { json } from '../support/scripts.ts'
import type { ExampleProcess } from './example-process.ts'

export const PROMPT = 'you> '

/** Scripts for the replies. Title requests may come between them, and take no script. */
export function answer(provider: Provider, ...scripts: Script[]): void {
  const title = json({ choices: [{ message: { content: 'A title' }, finish_reason: 'stop' }] })
  provider.always((exchange) =>
    exchange.body.stream === true ? scripts.shift()?.(exchange) : title(exchange),
  )
}

/** The requests for replies. */
export function asked(provider: Provider): Exchange[] {
  return provider.requests.filter(({ body }) => body?.stream === true)
}

/** What the person said last, in each request. */
export function questions(provider: Provider): unknown[] {
  return asked(provider).map(({ body }) => body.messages.at(-1).content)
}

/** The chat waits for a line, and this is in it. */
export function waits(process: ExampleProcess, typed = ''): Promise<string> {
  return process.shows((text) => text.endsWith(`\n${PROMPT}${typed}`.trimEnd()))
}
