/**
 * What a wire format is to the transport: how a request is written, and how
 * events and answers are read. A dialect knows nothing of bytes, HTTP or time.
 */
import type { Delta, ReplyEnd } from '../../protocol/delta.ts'
import type { Quirks } from '../../protocol/endpoint.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { ProviderError } from '../provider-error.ts'
import type { ReplyDraft } from '../reply-draft.ts'
import type { ReplyRequest } from '../reply-request.ts'
import type { WireObject } from '../wire-value.ts'

/** All that an event adds, where that is text of one kind. */
export type TextOnlyEvent = Pick<Extract<Delta, { type: 'text' | 'reasoning' }>, 'type' | 'text'>

/** Who was asked: data that only they can read goes back to nobody else. */
export type WireRequestInfo = Pick<ReplyRequest, 'target' | 'model'>

export interface WireDialect {
  /** The path of the operation below an endpoint's url. */
  readonly path: string
  /** What is asked of a list of models, so that it comes whole. */
  readonly modelsQuery?: Readonly<Record<string, string>>
  /** The headers that carry an endpoint's key. */
  headers(apiKey: string | undefined): Readonly<Record<string, string>>
  /**
   * The request's JSON body.
   *
   * @throws {@link ColloquyError} `invalid-option` for a setting that the format has no place for
   */
  body(request: ReplyRequest): object
  /**
   * What an error teaches about a server: how the request may be accepted. Only what the request
   * leaves open, so that no two errors teach the same.
   */
  quirksFromError?(request: ReplyRequest, error: ErrorRecord): Quirks | undefined
  /**
   * @param newId - makes ids for tool calls that come without one.
   * @param asked - what is answered.
   */
  reader(draft: ReplyDraft, newId: () => string, asked: WireRequestInfo): DialectReader
  /**
   * What an event adds, if that is one text, and if the same event with another text would add
   * that one and tell nothing else that is new.
   */
  textOnly(event: unknown): TextOnlyEvent | undefined
  /** Fields at the top of such an event that no reader looks at. */
  readonly volatileFields: readonly string[]
}

/** Reads one reply into a draft. */
export interface DialectReader {
  /** One event of a stream: an error, the end marker (where it is an event), or neither. */
  event(event: WireObject, name: string | undefined): ProviderError | 'end' | undefined
  /** A whole reply that came as one JSON object. */
  answer(answer: WireObject): ProviderError | undefined
  /** Whether the provider said why the model stopped. */
  readonly isFinished: boolean
  /** Nothing more comes: an error if what is still held back can be of no use. */
  close(): ProviderError | undefined
  /** What is known besides the content, at any time. */
  end(): ReplyEnd
}
