/**
 * What a wire format is to the transport: how a request is written, and how
 * events and answers are read. A dialect knows nothing of bytes, HTTP or time.
 */
import type { ReplyEnd } from '../../protocol/delta.ts'
import type { ProviderError } from '../provider-error.ts'
import type { ReplyDraft } from '../reply-draft.ts'
import type { ReplyRequest } from '../reply-request.ts'
import type { WireObject } from '../wire-value.ts'

export interface WireDialect {
  /** The path of the operation below an endpoint's url. */
  readonly path: string
  /** The request's JSON body. */
  body(request: ReplyRequest): object
  /** @param newId - makes ids for tool calls that come without one. */
  reader(draft: ReplyDraft, newId: () => string): DialectReader
}

/** Reads one reply into a draft. */
export interface DialectReader {
  /** One event of a stream: an error, the end marker (where it is an event), or neither. */
  event(event: WireObject, name: string | undefined): ProviderError | 'end' | undefined
  /**
   * The text of an event that has been read, if that text was all it held: the same event with
   * another text would have added that and nothing else.
   */
  readonly onlyText: (event: unknown) => string | undefined
  /** A whole reply that came as one JSON object. */
  answer(answer: WireObject): ProviderError | undefined
  /** Whether the provider said why the model stopped. */
  readonly isFinished: boolean
  /** Nothing more comes: an error if what is still held back can be of no use. */
  close(): ProviderError | undefined
  /** What is known besides the content, at any time. */
  end(): ReplyEnd
}
