/** What the three dialects' streams have in common: framed events, some of which are content. */
import { inOrder } from './answer-steps.ts'
import type { GateFor } from './gate.ts'
import type { Script } from './script.ts'
import type { ServedRequest } from './served-request.ts'
import { json } from './whole-answers.ts'

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

/** What makes a reply of a dialect: its events, or its JSON. */
type Make<Options, Made> = (texts: string | readonly string[], options: Options) => Made

export function textsOf(texts: string | readonly string[]): readonly string[] {
  return typeof texts === 'string' ? [texts] : texts
}

export function fragmentsOf(call: ScriptedCall): readonly string[] {
  return textsOf(call.arguments)
}

export function argumentsOf(call: ScriptedCall): string {
  return fragmentsOf(call).join('')
}

/** Streams the events of a reply, each in a write of its own, and ends the answer. */
export function streamOf<Options extends ScriptedReplyOptions>(
  make: Make<Options, readonly StreamEvent[]>,
  texts: string | readonly string[],
  options: Options,
): Script {
  const { gate } = options
  return async (exchange) => {
    let n = 0
    for (const { text, isDelta } of make(texts, asking(options, exchange))) {
      if (isDelta) await (typeof gate === 'function' ? gate(n++) : gate)
      if (exchange.isClosed) return
      exchange.write(text)
    }
    exchange.response.end()
  }
}

/** Answers with the stream or the JSON, whichever was asked for. */
export function asAsked<Options extends ScriptedReplyOptions>(
  stream: Script,
  make: Make<Options, object>,
  texts: string | readonly string[],
  options: Options,
): Script {
  return inOrder((exchange) =>
    exchange.body?.stream === true ? stream : json(make(texts, asking(options, exchange))),
  )
}

/** The options with the model that the request names, unless they name another. */
function asking<Options extends ScriptedReplyOptions>(
  options: Options,
  { body }: ServedRequest,
): Options {
  const asked = typeof body?.model === 'string' ? body.model : SCRIPTED_MODEL
  return { ...options, model: options.model ?? asked }
}
