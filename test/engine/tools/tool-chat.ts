/** A chat with tools, and the calls that its scripted model makes. */
import { reply } from '../../../src/testing/reply.ts'
import type { Dialect, EngineOptions, Message, ToolResultPart } from '../../../src/index.ts'
import type { Script } from '../../support/provider.ts'
import { testEngine, testProvider } from '../../support/engine.ts'

export interface ModelCall {
  readonly name: string
  readonly input?: unknown
  /** The arguments as text, in place of `input`. */
  readonly text?: string
  readonly id?: string
}

/** A reply with these calls. Ids are `a`, `b` and so on. */
export function calling(...calls: readonly ModelCall[]): Script {
  return reply('', {
    toolCalls: calls.map(({ name, input = {}, text, id }, n) => ({
      id: id ?? String.fromCodePoint(97 + n),
      name,
      arguments: text ?? JSON.stringify(input),
    })),
  })
}

export const done = reply('Done.')

export async function toolChat(options: EngineOptions = {}, dialect?: Dialect) {
  const provider = await testProvider()
  const engine = await testEngine(options)
  await engine.putEndpoint('online', {
    url: provider.url,
    apiKey: 'sk-secret-key-12345',
    model: 'm',
    dialect,
  })
  const conversation = await engine.startConversation()
  return { provider, engine, conversation, id: conversation.id }
}

export function resultsOf({ parts }: Pick<Message, 'parts'>): readonly ToolResultPart[] {
  return parts.filter((part) => part.type === 'tool-result')
}

/** The body of the nth request, from 0. */
export function bodyOf(
  provider: { readonly requests: readonly { readonly body?: unknown }[] },
  n: number,
): Record<string, unknown> {
  return (provider.requests[n]?.body ?? {}) as Record<string, unknown>
}

export const anything = { type: 'object' }
