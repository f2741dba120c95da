/**
 * The output of a tool: as it is stored for the host, and as the model sees it.
 *
 * Text that is too long for the model keeps its head and its tail; a file is never cut. Knows nothing
 * of calls and of how they ran.
 */
import type { FilePart, TextPart, ToolContent } from '../protocol/message.ts'
import { type CallOutcome, failedOutcome } from '../protocol/call-outcome.ts'
import type { AnyTool } from './tool.ts'

/** More than this is not stored at all, in UTF-16 units of JSON. */
const LARGEST_OUTPUT = 8 * 1024 * 1024

export interface OutputOptions {
  /** The longest text that the model sees, in UTF-16 units. */
  readonly resultBytes: number
  /** Copies a value that JSON can hold. Throws for others. */
  readonly copyJson: (value: unknown) => unknown
  /** Gets what `toModel` threw. */
  readonly threw: (error: unknown) => void
}

/** The tool has had its effect. A model that were told of a failure would call it again. */
const UNTOLD = 'The tool ran, but its output cannot be shown.'

export function outputOutcome(
  value: unknown,
  { toModel }: Pick<AnyTool, 'toModel'>,
  { resultBytes, copyJson, threw }: OutputOptions,
): CallOutcome {
  let output: unknown
  let json: string
  try {
    output = copyJson(value ?? null)
    json = JSON.stringify(output)
  } catch {
    return failedOutcome('not-json', 'The tool returned a value that JSON cannot hold.')
  }
  if (json.length > LARGEST_OUTPUT) {
    return failedOutcome('failed', 'The tool returned more than 8 MiB.')
  }
  if (toModel === undefined) {
    const text = typeof output === 'string' ? output : json
    return text.length > resultBytes
      ? { output, isError: false, content: shortened(text, resultBytes) }
      : { output, isError: false }
  }
  try {
    const content = bounded(contentOf(toModel(output)), resultBytes)
    return { output, isError: false, content }
  } catch (error) {
    threw(error)
    // Not the output itself: `toModel` may be there to keep some of it from the model.
    return { output, isError: false, content: UNTOLD }
  }
}

/** @throws if `toModel` returned something else than text and files */
function contentOf(given: unknown): ToolContent {
  if (typeof given === 'string') return given
  if (!Array.isArray(given)) throw new TypeError('toModel returned neither text nor parts.')
  return (given as readonly unknown[]).map((part) => partOf(part))
}

function partOf(part: unknown): TextPart | FilePart {
  const { type, text, mediaType, url } = Object(part) as Record<string, unknown>
  if (type === 'text' && typeof text === 'string') return { type, text }
  if (type === 'file' && typeof mediaType === 'string' && typeof url === 'string') {
    if (/^(?:data|https?):/i.test(url)) return { type, mediaType, url }
  }
  throw new TypeError('toModel returned a part that is neither a text nor a file with a url.')
}

function bounded(content: ToolContent, resultBytes: number): ToolContent {
  if (typeof content === 'string') {
    return content.length > resultBytes ? shortened(content, resultBytes) : content
  }
  let room = resultBytes
  return content.map((part): TextPart | FilePart => {
    const size = part.type === 'text' ? part.text.length : part.url.length
    const left = room
    room = Math.max(0, room - size)
    if (size <= left) return part
    if (part.type === 'text') return { type: 'text', text: shortened(part.text, left) }
    return { type: 'text', text: `[a file of ${size} bytes is left out: it is too large]` }
  })
}

function shortened(text: string, most: number): string {
  const head = Math.ceil(most / 2)
  const tail = Math.floor(most / 2)
  const missing = text.length - head - tail
  const start = text.slice(0, head).toWellFormed()
  const end = tail === 0 ? '' : text.slice(-tail).toWellFormed()
  return `${start}\n[${missing} bytes are left out here]\n${end}`
}
