/** The pieces of a chat-completions stream, under short names. */
import { chunk, sse } from '../../src/testing.ts'

/** An event with a text delta. */
export function said(content: string): string {
  return sse(chunk({ content }))
}

export function thought(text: string): string {
  return sse(chunk({ reasoning_content: text }))
}

/** An event with one entry in `tool_calls`. */
export function called(entry: object): string {
  return sse(chunk({ tool_calls: [entry] }))
}

/** The first fragment of a tool call. */
export function call(index: unknown, name: string, args = '', id = `id-${name}`): string {
  return called({ index, id, type: 'function', function: { name, arguments: args } })
}

export const stop = sse(chunk({}, { finish_reason: 'stop' }))
export const usage = sse(
  chunk(null, { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } }),
)
export { sse }
export const done = sse('[DONE]')
