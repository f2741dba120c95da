/** The replies that a transport makes of the events of each dialect. */
import type { Dialect } from '../../../src/protocol/endpoint.ts'
import { events } from '../../support/messages-events.ts'
import { startProvider } from '../../support/provider.ts'
import type { Script } from '../../support/provider.ts'
import { chunk, json } from '../../support/scripts.ts'
import { reply, targetAt } from '../asking.ts'
import type { AskedReply } from '../asking.ts'

type Events = readonly (object | string)[]

export const DONE = 'data: [DONE]\n\n'

/** A chunk with a finish reason and an empty delta. */
export const fin = (reason = 'stop', fields: object = {}): object =>
  chunk({}, { finish_reason: reason, ...fields })

export const calls = (...entries: readonly object[]): object => chunk({ tool_calls: entries })

async function answered(
  dialect: Dialect,
  script: Script,
  fields: { readonly stream?: boolean } = {},
): Promise<AskedReply> {
  await using provider = await startProvider()
  let ids = 0
  provider.next(script)
  const target = targetAt(provider.url, { dialect })
  return await reply('', { target, ...fields }, { newId: () => `id${(ids += 1)}` })
}

/** The reply to a stream that ends with these events, without [DONE]. */
export function bare(...all: Events): Promise<AskedReply> {
  return answered('chat-completions', (exchange) => {
    exchange.write(...all)
    exchange.response.end()
  })
}

/** The reply to a stream whose connection breaks after these events. */
export function broken(dialect: Dialect, ...all: Events): Promise<AskedReply> {
  return answered(dialect, async (exchange) => {
    exchange.write(...all)
    await new Promise((resolve) => exchange.response.write(': flushed\n\n', resolve))
    exchange.response.destroy()
  })
}

export const inMessages = (...all: Events): Promise<AskedReply> =>
  answered('messages', events(...all))

export const inResponses = (...all: Events): Promise<AskedReply> =>
  answered('responses', (exchange) => {
    exchange.write(...all)
    exchange.response.end()
  })

/** The reply to a JSON answer. */
export const whole = (dialect: Dialect, answer: unknown): Promise<AskedReply> =>
  answered(dialect, json(answer), { stream: false })

export const called = (asked: AskedReply): readonly (readonly [string, string])[] =>
  asked.toolCalls.map(({ name, arguments: args }) => [name, args])
