/** Events of the Messages format, and scripts that answer with them. */
import type { Script } from './provider.ts'

export const started = (fields: object = {}): object => ({
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'scripted-1',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: 9,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 1,
    },
    ...fields,
  },
})

export const opened = (index: number, content: object): object => ({
  type: 'content_block_start',
  index,
  content_block: content,
})

export const added = (index: number, delta: object): object => ({
  type: 'content_block_delta',
  index,
  delta,
})

export const closed = (index: number): object => ({ type: 'content_block_stop', index })

export const ended = (
  reason: string | null = 'end_turn',
  usage: object = { output_tokens: 4 },
): object => ({
  type: 'message_delta',
  delta: { stop_reason: reason, stop_sequence: null },
  usage,
})

export const stopped: object = { type: 'message_stop' }

export const textDelta = (text: string): object => ({ type: 'text_delta', text })
export const thinkingDelta = (thinking: string): object => ({ type: 'thinking_delta', thinking })
export const signatureDelta = (signature: string): object => ({
  type: 'signature_delta',
  signature,
})
export const inputDelta = (json: string): object => ({
  type: 'input_json_delta',
  partial_json: json,
})

/** The events of a block, from its start to its stop. */
export function block(index: number, content: object, ...deltas: readonly object[]): object[] {
  return [opened(index, content), ...deltas.map((delta) => added(index, delta)), closed(index)]
}

export const textBlock = (index: number, ...texts: readonly string[]): object[] =>
  block(index, { type: 'text', text: '' }, ...texts.map(textDelta))

export const thinkingBlock = (index: number, signature: string, ...texts: string[]): object[] => {
  const deltas = [...texts.map(thinkingDelta), signatureDelta(signature)]
  return block(index, { type: 'thinking', thinking: '', signature: '' }, ...deltas)
}

export const toolBlock = (index: number, id: string, name: string, ...json: string[]): object[] =>
  block(index, { type: 'tool_use', id, name, input: {} }, ...json.map(inputDelta))

/** An event in the form in which the API writes it, with its name. */
export function written(event: object): string {
  const { type } = event as { type?: string }
  return `${type === undefined ? '' : `event: ${type}\n`}data: ${JSON.stringify(event)}\n\n`
}

/** Sends these events, and strings unchanged, and ends the response. */
export function events(...all: readonly (object | string)[]): Script {
  return (exchange) => {
    exchange.write(...all.map((event) => (typeof event === 'string' ? event : written(event))))
    exchange.response.end()
  }
}

/** A whole reply with these blocks. */
export function message(blocks: readonly object[], reason = 'end_turn'): Script {
  return events(started(), { type: 'ping' }, ...blocks, ended(reason), stopped)
}
