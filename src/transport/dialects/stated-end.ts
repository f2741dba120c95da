/**
 * Follows what a provider says of the end of a reply, and whether it can be believed.
 *
 * Some servers send a finish reason before the content, or with the first piece of it. Content that
 * comes later takes a reason back. This file knows nothing of events and of time.
 */
import type { FinishReason } from '../../protocol/message.ts'
import type { ReplyDraft } from '../reply-draft.ts'
import type { ToolCalls } from './tool-calls.ts'

export class StatedEnd {
  readonly #draft: ReplyDraft
  readonly #calls: ToolCalls
  #reason: string | undefined
  /** The progress when the newest reason came. */
  #progressThen = 0
  #isCertain = false
  #isClosed = false

  constructor(draft: ReplyDraft, calls: ToolCalls) {
    this.#draft = draft
    this.#calls = calls
  }

  /** Grows with the content of the reply. Calls that are held back count too. */
  get progress(): number {
    return this.#draft.said + this.#calls.heard
  }

  /** The newest reason in the provider's words, unless later content took it back. */
  get reason(): string | undefined {
    return this.isStated || this.#isClosed ? this.#reason : undefined
  }

  /** True if there is a reason, and no content has come since. */
  get isStated(): boolean {
    return this.#reason !== undefined && this.progress === this.#progressThen
  }

  /** True if the reason can be believed, so that nothing but usage is to be expected. */
  get isCertain(): boolean {
    return this.#isCertain && this.isStated
  }

  /**
   * Notes a reason. It is believed if it comes by itself, after content that fits to it.
   *
   * @param before - the progress when its event began
   */
  state(reason: string, meaning: FinishReason, before: number): void {
    const isAlone = before > 0 && before === this.progress
    this.#isCertain = isAlone && this.#fits(meaning)
    this.#reason = reason
    this.#progressThen = this.progress
  }

  /** The reply is over: even a reason that later content took back is all there is. */
  close(): void {
    this.#isClosed = true
  }

  #fits(meaning: FinishReason): boolean {
    if (meaning === 'tool-calls') return this.#calls.isAsked
    return meaning !== 'stop' || this.#draft.hasAnswer || this.#calls.isAsked
  }
}
