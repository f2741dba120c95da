/**
 * Messages, their parts and their usage: the data that hosts read and stores keep.
 *
 * Knows nothing of a provider's wire format.
 */
import type { ToolResultCode } from './tool.ts'

/**
 * A piece of a message. `providerData` is opaque: a signature or encrypted reasoning, to be sent
 * back.
 */
export type Part =
  | TextPart
  | ReasoningPart
  | ToolCallPart
  | ToolResultPart
  | FilePart
  | ProviderToolPart

/** Text of the user or of the model. */
export interface TextPart {
  readonly type: 'text'
  readonly text: string
  readonly providerData?: unknown
}

/** The thoughts that a reasoning model shows. Not part of {@link Message.text}. */
export interface ReasoningPart {
  readonly type: 'reasoning'
  readonly text: string
  readonly providerData?: unknown
}

/** A call that the model asks the host to make. */
export interface ToolCallPart {
  readonly type: 'tool-call'
  readonly toolCallId: string
  readonly toolName: string
  /** `inputText` parsed as JSON; `undefined` while it streams and if it is not valid JSON. */
  readonly input: unknown
  /** The arguments as the provider sent them. */
  readonly inputText: string
  readonly providerData?: unknown
}

/**
 * The result of a tool call. A host sends it as input; the engine adds it to the reply for tools that
 * it runs itself.
 */
export interface ToolResultPart {
  readonly type: 'tool-result'
  readonly toolCallId: string
  readonly toolName: string
  readonly output: unknown
  readonly isError: boolean
  /** Why there is no output of the tool; absent if it returned one, and in results of a host. */
  readonly code?: ToolResultCode
  /** What the model sees in place of `output`. */
  readonly content?: ToolContent
  readonly providerData?: unknown
}

/** What a model sees of a tool's output: text, or texts and files. */
export type ToolContent = string | readonly (TextPart | FilePart)[]

/** A part of a message that the host sends. */
export type InputPart =
  | TextPart
  | FilePart
  | (Omit<ToolResultPart, 'isError' | 'code' | 'content'> & {
      readonly isError?: boolean | undefined
    })

/** A file that the host sent, or a picture that the model made. */
export interface FilePart {
  readonly type: 'file'
  /** An IANA media type, like `image/png`. */
  readonly mediaType: string
  /** An `https:` or `data:` url. The url of a picture in a reply may be an `http:` url too. */
  readonly url: string
  readonly providerData?: unknown
}

/**
 * A tool that the provider ran itself, such as a web search: its call, its result, or both, as the
 * provider tells them. The host has nothing to run and nothing to answer.
 */
export interface ProviderToolPart {
  readonly type: 'provider-tool'
  readonly toolName: string
  /** Opaque. Goes back only to the provider and model that made it. */
  readonly providerData: unknown
}

/** How a message ended. User messages are always `complete`. */
export type MessageStatus = 'complete' | 'cancelled' | 'failed' | 'interrupted'

/** A `tool` message has results that the host supplies. */
export type MessageRole = 'user' | 'assistant' | 'tool'

/**
 * Why the model stopped, in one vocabulary for all providers. `paused`: the provider stopped amid
 * its own tools. The engine asks it to go on, at most 5 times running.
 */
export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'paused' | 'other'

/**
 * The provider's own figures, unchanged. The figures of a cancelled turn may be estimated; `source`
 * then says so. A figure that the provider did not give is absent, never zero.
 */
export interface Usage {
  /** Includes cached tokens in chat completions, but not in `messages`. */
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly reasoningTokens?: number
  readonly cacheReadTokens?: number
  readonly cacheWriteTokens?: number
  /** The usage object as the provider sent it. */
  readonly raw?: unknown
  readonly source: 'provider' | 'estimated'
  /** A step of the turn lacks a figure, so the sum is too small. Only of a turn of several steps. */
  readonly incomplete?: true
}

/** One stored message of a conversation. */
export interface Message {
  readonly id: string
  readonly conversationId: string
  readonly turnId: string
  /**
   * The message that it follows; absent if it is a first message. A reply follows the input that it
   * answers.
   */
  readonly parentId?: string
  /**
   * Counts the messages of the conversation, over all branches: a message that came later has a
   * higher position.
   */
  readonly position: number
  readonly createdAt: Date
  readonly role: MessageRole
  readonly parts: readonly Part[]
  /** The text parts, joined; never trimmed. */
  readonly text: string
  readonly status: MessageStatus
  readonly finishReason?: FinishReason
  readonly usage?: Usage
  readonly model?: string
  /** The host's own name for an input, as it was sent. */
  readonly clientId?: string
  /**
   * Where the message stands among the messages with the same parent, oldest first, from 0.
   * `listMessages` and `listBranches` tell it; absent if it is alone.
   */
  readonly siblings?: { readonly index: number; readonly count: number }
}

/** Returns true if a message has more in it than reasoning and blanks. */
export function saysSomething({ parts }: Pick<Message, 'parts'>): boolean {
  return parts.some(
    (part) => part.type !== 'reasoning' && (part.type !== 'text' || part.text.trim() !== ''),
  )
}

/** Joins the text parts of a message. */
export function textOf(parts: readonly Part[]): string {
  let text = ''
  for (const part of parts) if (part.type === 'text') text += part.text
  return text
}
