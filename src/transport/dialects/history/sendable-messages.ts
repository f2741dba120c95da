/**
 * The one place that brings a history into the form that the strictest server of any dialect takes.
 *
 * A server that refuses a history refuses it in every later request of the conversation. So all
 * dialects write their requests from this form, and say in a {@link HistoryFormat} where they
 * differ.
 *
 * - User and assistant alternate, and the user begins.
 * - Texts are whole characters and not blank.
 * - Each call has an id of its own within the limits, an allowed name and an object as arguments.
 * - Each result is with its call. A result without a call is left out.
 * - What only its maker can read is there only if the maker is asked: reasoning, signatures, extra
 *   fields of calls, pictures in replies. Of a picture others get a line that names it.
 *
 * Contract: each call of the given history has its result before the next user message.
 */
import type {
  FilePart,
  ProviderToolPart,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from '../../../protocol/message.ts'
import { textOf } from '../../../protocol/message.ts'
import type { ReplyRequest } from '../../reply-request.ts'
import { wellFormed } from '../../well-formed-json.ts'
import { isObject, jsonText } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { bareType } from '../media-type.ts'
import { providerFingerprint } from '../provider-fingerprint.ts'
import { ownBlock } from '../provider-tool.ts'
import { callArguments } from './call-arguments.ts'
import { CallIds } from './call-ids.ts'
import { madeBy, readMark } from './call-mark.ts'
import type { ReadMark } from './call-mark.ts'
import type {
  HistoryFormat,
  SendableCall,
  SendableMessage,
  SendableProviderTool,
  SendableResult,
} from './sendable-message.ts'
import { namedFile, sentFile } from './sent-file.ts'
import { fittedName } from './wire-names.ts'

/** The user's text where the history begins with an assistant message. */
const OPENING = 'Begin.'

/** The result of a tool that failed without a word. Servers require a text there. */
const FAILED = 'The tool failed.'

/** Stands between the texts of two messages that are joined. */
const BETWEEN = '\n\n'

export function sendableMessages(
  request: ReplyRequest,
  format: HistoryFormat,
): readonly SendableMessage[] {
  const history = new SendableHistory(request, format)
  for (const { role, parts } of request.messages) {
    if (role === 'assistant') history.assistant(parts)
    else history.user(parts)
  }
  return history.end()
}

/** The system prompt as whole characters; `undefined` if it is blank. */
export function sendableSystem({ system }: ReplyRequest): string | undefined {
  return system === undefined || isBlank(system) ? undefined : system.toWellFormed()
}

/** A part of what the assistant said. */
type ReplyPart = Exclude<Part, ToolResultPart>

/** The same without the tools of other providers. */
type SentPart = Exclude<ReplyPart, ProviderToolPart> | SendableProviderTool

interface GrowingUser {
  readonly role: 'user'
  readonly parts: (TextPart | FilePart)[]
}

interface GrowingAssistant {
  readonly role: 'assistant'
  readonly parts: (TextPart | FilePart | ReasoningPart | SendableCall | SendableProviderTool)[]
  readonly results: SendableResult[]
  reasoningField: string | undefined
}

/** Where a result goes. */
interface Asked {
  readonly message: GrowingAssistant
  readonly isCustom: boolean
}

/** What a call has that was made elsewhere, or in another dialect. */
const UNMARKED: ReadMark = { extra: undefined, reasoningField: undefined, isCustom: false }

class SendableHistory {
  readonly #request: ReplyRequest
  readonly #format: HistoryFormat
  readonly #ids: CallIds<Asked>
  readonly #messages: (GrowingUser | GrowingAssistant)[] = []
  #maker: string | undefined

  constructor(request: ReplyRequest, format: HistoryFormat) {
    this.#request = request
    this.#format = format
    this.#ids = new CallIds(format.longestId, format.exactId)
  }

  user(parts: readonly Part[]): void {
    const said: (TextPart | FilePart)[] = []
    for (const part of textsJoined(parts)) {
      if (part.type === 'tool-result') this.#answer(part)
      else if (part.type === 'file') said.push(sentFile(part))
      else if (part.type === 'text' && !isBlank(part.text)) said.push(part)
    }
    if (said.length === 0) return
    const last = this.#messages.at(-1)
    if (last?.role !== 'user') this.#messages.push({ role: 'user', parts: said })
    else this.#join(last.parts, said)
  }

  assistant(parts: readonly Part[]): void {
    let said: ReplyPart[] = []
    for (const part of parts) {
      if (part.type !== 'tool-result') said.push(part)
      else {
        this.#say(said)
        this.#answer(part)
        said = []
      }
    }
    this.#say(said)
  }

  end(): readonly SendableMessage[] {
    const last = this.#messages.at(-1)
    const part = last?.parts.at(-1)
    // The model continues this text, and must not continue from a trailing blank.
    if (last?.role === 'assistant' && part?.type === 'text') {
      last.parts.splice(-1, 1, { ...part, text: part.text.trimEnd() })
    }
    return this.#messages
  }

  #say(parts: readonly ReplyPart[]): void {
    const sent: SentPart[] = []
    for (const part of parts) {
      if (part.type === 'provider-tool') this.#providerTool(part, sent)
      else sent.push(part)
    }
    const told = textsJoined(sent.map((part, at) => this.#told(part, sent[at - 1])))
    const isSilent = isBlank(textOf(told))
    const said = told.filter(
      (part) =>
        part.type !== 'text' || !(isSilent || (this.#format.hasBlocks && isBlank(part.text))),
    )
    if (said.every(({ type }) => type === 'reasoning')) return
    const message = this.#assistantMessage()
    const kept = said.map((part) => (part.type === 'tool-call' ? this.#call(part, message) : part))
    this.#join(message.parts, kept)
  }

  /** A file that another maker made becomes a line of text. */
  #told(part: SentPart, before: SentPart | undefined): SentPart {
    if (part.type === 'file') {
      if (this.#isOwn(part)) return sentFile(part)
      const isFirst = before === undefined || (before.type !== 'text' && before.type !== 'file')
      return { type: 'text', text: isFirst ? namedFile(part) : `\n${namedFile(part)}` }
    }
    const isAfterLine = before?.type === 'file' && !this.#isOwn(before)
    return isAfterLine && part.type === 'text' ? { ...part, text: `\n${part.text}` } : part
  }

  /**
   * Adds a tool that the asked provider and model ran. One that it would refuse is left out together
   * with the reasoning that led to it, which is refused alone.
   */
  #providerTool(part: ProviderToolPart, sent: SentPart[]): void {
    const { providerBlock } = this.#format
    if (providerBlock === undefined) return
    const own = ownBlock(part, this.#request.target.dialect, () => this.#asked())
    if (own === undefined) return
    const block = providerBlock(own, this.#request)
    if (block !== undefined) sent.push({ ...part, block })
    else while (sent.at(-1)?.type === 'reasoning') sent.pop()
  }

  /** Returns true for a picture of the asked model. No model takes other files in its replies. */
  #isOwn({ mediaType, providerData }: FilePart): boolean {
    const isPicture = bareType(mediaType).startsWith('image/')
    return isPicture && madeBy(providerData, () => this.#asked()) !== undefined
  }

  #call(call: ToolCallPart, message: GrowingAssistant): SendableCall {
    const { type, toolCallId, toolName, providerData } = call
    const mark = madeBy(providerData, () => this.#asked())
    const read = mark === undefined ? this.#unmarked(call) : this.#read(mark)
    const { extra, reasoningField, isCustom } = read
    message.reasoningField ??= reasoningField
    return {
      type,
      toolCallId: this.#ids.call(toolCallId, mark !== undefined, { message, isCustom }),
      toolName: fittedName(toolName),
      ...callArguments(call),
      extra,
      customInput: isCustom ? call.inputText.toWellFormed() : undefined,
    }
  }

  /** Fields that came in another dialect are unknown in this one. */
  #read(mark: WireObject): ReadMark {
    return mark['dialect'] === this.#request.target.dialect ? readMark(mark) : UNMARKED
  }

  /** Calls of a host's own, and those of earlier versions, do not say who made them. */
  #unmarked({ providerData }: ToolCallPart): ReadMark {
    const data = isObject(providerData) && providerData['maker'] === undefined ? providerData : {}
    const fields = this.#format.unmarkedFields.filter((field) => data[field] !== undefined)
    const extra = Object.fromEntries(fields.map((field) => [field, data[field]]))
    return fields.length === 0 ? UNMARKED : { ...UNMARKED, extra }
  }

  #answer(result: ToolResultPart): void {
    const { toolCallId, toolName, isError } = result
    const call = this.#ids.answered(toolCallId)
    if (call === undefined) return
    const text = resultText(result)
    const files = resultFiles(result)
    const blank = isError ? FAILED : ''
    const { message, isCustom } = call.place
    message.results.push({
      toolCallId: call.wireId,
      toolName: fittedName(toolName),
      text: isBlank(text) ? blank : text,
      files,
      isError,
      isCustom,
    })
  }

  /** The last message, if it is the assistant's and no result came since; else a new one. */
  #assistantMessage(): GrowingAssistant {
    const last = this.#messages.at(-1)
    if (last?.role === 'assistant' && last.results.length === 0) return last
    if (last === undefined) {
      this.#messages.push({ role: 'user', parts: [{ type: 'text', text: OPENING }] })
    }
    if (this.#format.uniqueIds === 'in a reply') this.#ids.forget()
    const message: GrowingAssistant = {
      role: 'assistant',
      parts: [],
      results: [],
      reasoningField: undefined,
    }
    this.#messages.push(message)
    return message
  }

  /** Adds the parts of a message to a message of the same role. */
  #join<P extends Part>(parts: P[], added: readonly P[]): void {
    let isApart = !this.#format.hasBlocks && parts.some(({ type }) => type === 'text')
    for (const part of added) {
      const isFirst = isApart && part.type === 'text'
      parts.push(isFirst ? { ...part, text: BETWEEN + part.text } : part)
      if (isFirst) isApart = false
    }
  }

  #asked(): string {
    return (this.#maker ??= providerFingerprint(this.#request))
  }
}

/** What the model sees of a result as text: what the tool meant for it, else the output. */
function resultText({ output, content }: ToolResultPart): string {
  if (typeof content === 'string') return content.toWellFormed()
  if (content !== undefined) {
    return content
      .flatMap((part) => (part.type === 'text' ? [part.text] : []))
      .join('\n')
      .toWellFormed()
  }
  return typeof output === 'string' ? output.toWellFormed() : wellFormed(jsonText(output) ?? '')
}

function resultFiles({ content }: ToolResultPart): readonly FilePart[] {
  if (content === undefined || typeof content === 'string') return []
  return content.flatMap((part) => (part.type === 'file' ? [sentFile(part)] : []))
}

/** Joins adjacent texts, of whole characters each. A blank part may belong to a longer text. */
function textsJoined<P extends Part>(parts: readonly P[]): (P | TextPart)[] {
  const joined: (P | TextPart)[] = []
  let texts: string[] = []
  const close = (): void => {
    const text = texts.join('').toWellFormed()
    if (text !== '') joined.push({ type: 'text', text })
    texts = []
  }
  for (const part of parts) {
    if (part.type === 'text') texts.push(part.text)
    else {
      close()
      joined.push(part)
    }
  }
  close()
  return joined
}

export function isBlank(text: string): boolean {
  return text.trim() === ''
}
