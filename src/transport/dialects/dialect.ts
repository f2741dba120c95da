/**
 * The interface between the transport and a wire format. A dialect writes requests, and reads
 * events and answers. It knows nothing of bytes, HTTP or time.
 */
import type { ReplyEnd, ProviderDelta } from '../../protocol/delta.ts'
import type { OwnField } from '../own-fields.ts'
import type { ServerQuirks } from '../provider-target.ts'
import type { ProviderError } from '../provider-error.ts'
import type { Refusal } from '../refusal.ts'
import type { ReplyDraft } from '../reply-draft.ts'
import type { ReplyRequest } from '../reply-request.ts'
import type { WireObject } from '../wire-value.ts'

/** An event that adds text of one kind and nothing else. */
export type TextOnlyEvent = Pick<
  Extract<ProviderDelta, { type: 'text' | 'reasoning' }>,
  'type' | 'text'
>

/**
 * The provider and the model that were asked. Opaque data that only they can read is sent back to
 * them alone.
 */
export type WireRequestInfo = Pick<ReplyRequest, 'target' | 'model'>

export interface WireDialect {
  /** The path of the operation below an endpoint's url. */
  readonly path: string
  /** The query of a request for the list of models, so that the whole list comes. */
  readonly modelsQuery?: Readonly<Record<string, string>>
  /** The headers that carry an endpoint's key. */
  headers(apiKey: string | undefined): Readonly<Record<string, string>>
  /**
   * The request's JSON body.
   *
   * @throws {@link ColloquyError} `invalid-option` for a setting that the format cannot express
   */
  body(request: ReplyRequest): object
  /**
   * The fields that the body has although neither the host nor the format demands them. The request
   * is sent without those that the server refuses.
   */
  readonly ownFields?: readonly OwnField[]
  /**
   * The quirks that a refusal reveals. With them, the server may accept the request. A quirk that
   * the request already has is never returned, so that no two refusals reveal the same one.
   */
  quirksFromError?(request: ReplyRequest, refusal: Refusal): ServerQuirks | undefined
  /**
   * @param newId - makes ids for tool calls that come without an id.
   * @param asked - the provider and the model that answer.
   */
  reader(draft: ReplyDraft, newId: () => string, asked: WireRequestInfo): DialectReader
  /**
   * The text that an event adds, or `undefined` if it may add anything else.
   *
   * Contract: the same event with another text adds that other text, and says nothing else that is
   * new.
   */
  textOnly(event: unknown): TextOnlyEvent | undefined
  /** Fields at the top level of a text-only event that no dialect reader reads. */
  readonly volatileFields: readonly string[]
}

/**
 * What an event says besides content: an error, that the reply is over, or that another reply
 * begins although this one is not over.
 */
export type Told = ProviderError | 'end' | 'another'

/** Reads one reply into a draft. */
export interface DialectReader {
  /** Reads one event of a stream. */
  event(event: WireObject, name: string | undefined): Told | undefined
  /** Reads a whole reply that came as one JSON object. Returns the error in it. */
  answer(answer: WireObject): ProviderError | undefined
  /** True if the provider said why the model stopped, and no content has come since. */
  readonly isFinished: boolean
  /** True if the reply is finished and only usage can follow, as far as anybody can tell. */
  readonly isCertain: boolean
  /** True if the content can be complete although the provider did not say that it is. */
  readonly isWhole: boolean
  /**
   * Nothing more comes. May be called more than once. Adds the content that was held back. Returns
   * an error if the reply cannot be used.
   */
  ended(): ProviderError | undefined
  /** Finish reason, usage and model, as far as they are known. May be called at any time. */
  facts(): ReplyEnd
}
