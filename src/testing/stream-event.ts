/** What the three dialects' streams have in common: framed events, some of which are content. */
import { inOrder } from './answer-steps.ts'
import type { Exchange } from './exchange.ts'
import type { GateFor } from './gate.ts'
import type { Script } from './script.ts'

/** One event of a stream, as it goes over the wire. */
export interface StreamEvent {
  /** The event with its field names and its blank line. */
  readonly text: string
  /** Whether it is a delta: what a gate is awaited before. */
  readonly isDelta: boolean
}

/** A call of a tool that the model is made to ask for. */
export interface ScriptedCall {
  readonly id: string
  readonly name: string
  /** JSON, as one text or in the fragments in which it is to arrive. */
  readonly arguments: string | readonly string[]
}

/** What replies of all dialects can be told. */
export interface ScriptedReplyOptions {
  /** What the model thinks aloud first, in deltas. */
  readonly reasoning?: readonly string[] | undefined
  /** Calls of tools, after the text. */
  readonly toolCalls?: readonly ScriptedCall[] | undefined
  /** The model that is said to answer. @defaultValue the one that was asked for */
  readonly model?: string | undefined
  /** Awaited before each delta (its number, from 0): a test steps a stream without sleeping. */
  readonly gate?: GateFor | undefined
  /** The usage object as the dialect writes it. */
  readonly usage?: object | undefined
}

/** A server-sent event: the value as JSON, a string as it is, under a name if one is given. */
export function sse(data: unknown, name?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${text}\n\n`
}

export const SCRIPTED_MODEL = 'scripted-1'

/** The model that a request names. */
export function askedModel({ body }: Exchange): string {
  return typeof body?.model === 'string' ? body.model : SCRIPTED_MODEL
}

export function textsOf(texts: string | readonly string[]): readonly string[] {
  return typeof texts === 'string' ? [texts] : texts
}

export function fragmentsOf(call: ScriptedCall): readonly string[] {
  return textsOf(call.arguments)
}

export function argumentsOf(call: ScriptedCall): string {
  return fragmentsOf(call).join('')
}

/** Streams events, each in a write of its own, and ends the answer. */
export function streamOf(
  events: (exchange: Exchange) => readonly StreamEvent[],
  gate: GateFor | undefined,
): Script {
  return async (exchange) => {
    let n = 0
    for (const { text, isDelta } of events(exchange)) {
      if (isDelta) await (typeof gate === 'function' ? gate(n++) : gate)
      if (exchange.isClosed) return
      exchange.write(text)
    }
    exchange.response.end()
  }
}

/** Answers with the stream or the JSON, whichever was asked for. */
export function asAsked(stream: Script, answer: Script): Script {
  return inOrder(({ body }) => (body?.stream === true ? stream : answer))
}
