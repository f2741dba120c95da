/**
 * Checks the sends and retries of a host, for the engine and for the view of an owner.
 *
 * Knows nothing of how a turn begins.
 */
import type { ConversationStore, Viewer } from '../../../persistence/ports/conversation-store.ts'
import { conversationExists, conversationNotFound } from '../../../protocol/errors.ts'
import type { InputPart } from '../../../protocol/message.ts'
import type { RetryTurnOptions, SendOptions } from '../../api/turn-options.ts'
import type { Turn } from '../../api/turn.ts'
import type { Conversations } from '../../conversations.ts'
import * as requests from '../../options/call-schemas.ts'
import { checked } from '../../options/check.ts'
import { parseInput } from '../../options/input.ts'
import type { Sends } from './sends.ts'

interface SendCallsParts {
  readonly store: ConversationStore
  readonly sends: Sends
  readonly conversations: Conversations
  /** @throws `engine-closed` */
  readonly assertOpen: () => void
}

export class SendCalls {
  readonly #parts: SendCallsParts

  constructor(parts: SendCallsParts) {
    this.#parts = parts
  }

  async send(
    conversationId: string,
    input: string | readonly InputPart[],
    options: SendOptions,
    viewer?: Viewer,
  ): Promise<Turn> {
    const { sends, conversations, assertOpen } = this.#parts
    assertOpen()
    checked(requests.conversationId, conversationId, 'send: conversation id')
    const { startWith: first, ...given } = checked(requests.sendOptions, options, 'send')
    const parsed = parseInput(input)
    const startWith = first && conversations.toStartWith(conversationId, first, viewer)
    // The engine's own send begins in the tick of the call.
    if (viewer !== undefined) await this.#admit(conversationId, viewer, startWith !== undefined)
    return sends.send({ conversationId, input: parsed, startWith, options: given, viewer })
  }

  async retry(conversationId: string, options: RetryTurnOptions, viewer?: Viewer): Promise<Turn> {
    const { sends, assertOpen } = this.#parts
    assertOpen()
    checked(requests.conversationId, conversationId, 'retry: conversation id')
    const { from, ...given } = checked(requests.retryOptions, options, 'retry')
    if (viewer !== undefined) await this.#admit(conversationId, viewer, false)
    const continues = from === 'last-step'
    return sends.send({ conversationId, isBeside: true, options: given, viewer, continues })
  }

  /**
   * Keeps a send away from the actor of another owner's conversation, which would refuse it with
   * `turn-running` and, while it looks, refuse its own owner. The accepting transaction looks again.
   */
  async #admit(id: string, viewer: Viewer, mayStart: boolean): Promise<void> {
    const { store, assertOpen } = this.#parts
    const found = await store.getConversation(id, viewer)
    assertOpen()
    if (found !== undefined) return
    if (!mayStart) throw conversationNotFound(id)
    if ((await store.getConversation(id)) !== undefined) throw conversationExists()
    assertOpen()
  }
}
