/**
 * The base of all dialect readers: what a reply was, told when it is over.
 *
 * A subclass reads the events, adds their content to the draft, and notes the facts. Knows nothing
 * of events.
 */
import type { ReplyEnd } from '../../protocol/delta.ts'
import type { FinishReason, Usage } from '../../protocol/message.ts'
import type { ProviderError } from '../provider-error.ts'
import type { ReplyDraft } from '../reply-draft.ts'
import type { WireObject } from '../wire-value.ts'
import type { DialectReader, Told } from './dialect.ts'
import type { ToolCalls } from './tool-calls.ts'
import { unreadFault } from './unread.ts'

export abstract class ReplyReader implements DialectReader {
  protected readonly draft: ReplyDraft
  protected readonly calls: ToolCalls
  /** The model that the provider named first. */
  protected model: string | undefined
  /** The type of the first content that is not part of a reply, if there was any. */
  protected unread: string | undefined

  constructor(draft: ReplyDraft, calls: ToolCalls) {
    this.draft = draft
    this.calls = calls
  }

  abstract get isFinished(): boolean
  abstract get isCertain(): boolean
  abstract get isWhole(): boolean
  abstract event(event: WireObject, name: string | undefined): Told | undefined
  abstract answer(answer: WireObject): ProviderError | undefined

  /** The finish reason as the provider told it, even if the model called tools. */
  protected abstract get statedReason(): FinishReason | undefined
  protected abstract get usage(): Usage | undefined

  facts(): ReplyEnd {
    const finishReason = this.#finishReason
    const { usage, model } = this
    return {
      ...(finishReason !== undefined && { finishReason }),
      ...(usage !== undefined && { usage }),
      ...(model !== undefined && { model }),
    }
  }

  ended(): ProviderError | undefined {
    this.calls.finish()
    const isAsking = this.#finishReason === 'tool-calls'
    const kind = this.unread ?? this.calls.unknownKind
    return unreadFault(this.draft, this.calls.fault, isAsking, kind)
  }

  get #finishReason(): FinishReason | undefined {
    const stated = this.statedReason
    return stated === 'stop' && this.calls.isAsked ? 'tool-calls' : stated
  }
}
