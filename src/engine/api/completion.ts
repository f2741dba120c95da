/** A prompt outside any conversation, and its answer. Types only. */
import type { Settings } from '../../protocol/conversation.ts'
import type { FinishReason, Usage } from '../../protocol/message.ts'

/** A prompt outside any conversation. Neither the prompt nor its answer is stored. */
export interface CompletionOptions {
  readonly prompt: string
  readonly system?: string | undefined
  /** Selects the model preference. A `title` answer is cleaned too. @defaultValue `'chat'` */
  readonly purpose?: 'chat' | 'title' | undefined
  readonly endpoint?: string | undefined
  readonly model?: string | undefined
  readonly settings?: Settings | undefined
  readonly signal?: AbortSignal | undefined
}

/** The answer to one prompt. */
export interface Completion {
  readonly text: string
  readonly usage?: Usage
  readonly model: string
  readonly finishReason?: FinishReason
}
