/** What a live turn has of its wait, and the wish to let it go on. Types only. */
import type { Place, Viewer } from '../../../persistence/ports/conversation-store.ts'
import type { CallAnswer } from '../../../persistence/ports/wait-store.ts'
import type { CallRecord } from '../../../protocol/call.ts'
import type { Message } from '../../../protocol/message.ts'
import type { StepEnd } from '../step/end.ts'

export interface TurnInWait {
  readonly input: Message
  readonly place: Place
  /** The number of the last step of an earlier turn, with which the reply begins; 0 without one. */
  readonly stepsBefore: number
  /** The newest step. */
  readonly step: StepEnd
  /** The number of pieces of the reply on disk. */
  readonly pieces: number
  /** Why the turn cannot be asked any more, if so. */
  readonly unusable?: unknown
  /** Set while the turn is let go on. */
  wish?: ResumeWish | undefined
}

/** Why a waiting turn goes on. */
export interface ResumeWish {
  readonly answer?: CallAnswer | undefined
  readonly viewer?: Viewer | undefined
  /** `yes`: the turn goes on only where its provider can be asked. `end`: no provider is asked any more. */
  readonly aim: 'yes' | 'no' | 'end'
  readonly end: PromiseWithResolvers<ResumeEnd>
}

export type ResumeEnd =
  /** The turn goes on. */
  | { readonly kind: 'resumed'; readonly answered?: CallRecord | undefined }
  /** The turn is as it was: somebody else was first, or with `error` it could not be let go on. */
  | { readonly kind: 'kept'; readonly error?: unknown }
