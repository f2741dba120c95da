/** A chat whose replies say what was asked, for tests of the tree. */
import type { Engine, Message, Turn } from '../../../src/index.ts'
import { streamed } from '../../support/scripts.ts'
import type { Provider } from '../../support/provider.ts'

/** Ends a turn, and returns its reply. */
export async function reply(turn: Promise<Turn>): Promise<Message> {
  return (await (await turn).reply).message
}

/** Sends a text, and returns its reply with this text. */
export async function say(
  { provider, engine }: { readonly provider: Provider; readonly engine: Engine },
  id: string,
  question: string,
  answer: string,
): Promise<Message> {
  provider.next(streamed([answer]))
  return await reply(engine.send(id, question))
}

export function texts(messages: readonly Message[]): readonly string[] {
  return messages.map(({ text }) => text)
}

/** The texts of the messages that the nth request had. */
export async function sent(provider: Provider, n: number): Promise<readonly string[]> {
  const { body } = await provider.request(n)
  return (body.messages as { content: string }[]).map(({ content }) => content)
}
