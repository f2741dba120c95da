/**
 * Shared by the streams of the three dialects: framed events, some of which are deltas.
 *
 * Knows nothing of the formats of the dialects.
 */
import { inOrder } from './answer-steps.ts'
import type { GateFor } from './gate.ts'
import type { Script } from './script.ts'
import type { ServedRequest } from './served-request.ts'
import { json } from './whole-answers.ts'

/** One event of a stream, as it goes over the wire. */
export interface StreamEvent {
  /** The event with its field names and its blank line. */
  readonly text: string
  /** True if the event is a delta. A gate is awaited before each delta. */
  readonly isDelta: boolean
}

/** A tool call that the reply contains. */
export interface ScriptedCall {
  readonly id: string
  readonly name: string
  /** JSON, as one text or as the fragments in which it arrives. */
  readonly arguments: string | readonly string[]
}

/** Options that the replies of all dialects share. */
export interface ScriptedReplyOptions {
  /** The reasoning that comes first, one string for each delta. */
  readonly reasoning?: readonly string[] | undefined
  /** Tool calls, which come after the text. */
  readonly toolCalls?: readonly ScriptedCall[] | undefined
  /** The model that the reply names. @defaultValue the model that the request names */
  readonly model?: string | undefined
  /**
   * Awaited before each delta, so that a test steps a stream without sleeping. A function is given
   * the number of the delta, from 0.
   */
  readonly gate?: GateFor | undefined
  /** The usage object, as the dialect writes it. */
  readonly usage?: object | undefined
}

/**
 * Writes a server-sent event. Its data is the value as JSON, or a string as it is. It has an
 * `event` field if a name is given.
 */
export function sse(data: unknown, name?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${text}\n\n`
}

export const SCRIPTED_MODEL = 'scripted-1'

/** Makes a reply of a dialect: its events, or its JSON. */
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

/** Answers with a stream if the request asks for one, else with JSON. */
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

/** Returns the options with the model of the request, unless they name another model. */
function asking<Options extends ScriptedReplyOptions>(
  options: Options,
  { body }: ServedRequest,
): Options {
  const asked = typeof body?.model === 'string' ? body.model : SCRIPTED_MODEL
  return { ...options, model: options.model ?? asked }
}
