/**
 * Changes of a conversation's tree: another reply, an edited input, another active line, a copy.
 *
 * Messages are added and never changed. Knows nothing of how a turn runs, or of the places of
 * messages.
 */
import type { Feed } from '../../feed/feed.ts'
import type { Viewer } from '../../persistence/ports/conversation-store.ts'
import type { Store } from '../../persistence/ports/store.ts'
import type { ConversationRecord, ForkOptions } from '../../protocol/conversation.ts'
import { ColloquyError, messageNotFound } from '../../protocol/errors.ts'
import type { InputPart, Message } from '../../protocol/message.ts'
import type { EditOptions, TurnOptions } from '../api/turn-options.ts'
import type { Turn } from '../api/turn.ts'
import * as requests from '../options/call-schemas.ts'
import { checked } from '../options/check.ts'
import { parseInput } from '../options/input.ts'
import { ownedBy } from '../ownership.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { Sends } from '../turn/methods/sends.ts'
import type { Turns } from '../turn/turns.ts'

interface TreeParts {
  readonly store: Store
  readonly feed: Feed
  readonly turns: Turns
  readonly sends: Sends
  readonly options: ResolvedOptions
  /** @throws `engine-closed` */
  readonly assertOpen: () => void
}

export class Tree {
  readonly #parts: TreeParts

  constructor(parts: TreeParts) {
    this.#parts = parts
  }

  async regenerate(messageId: string, options: TurnOptions, viewer?: Viewer): Promise<Turn> {
    checked(requests.messageId, messageId, 'regenerate: message id')
    const given = checked(requests.turnOptions, options, 'regenerate')
    const message = await this.#message(messageId, viewer)
    if (message.role === 'tool') {
      throw new ColloquyError(
        'invalid-input',
        'regenerate: this message has tool results, which nobody regenerates. Name the reply to them, or call retry.',
      )
    }
    const { conversationId, role, parentId = messageId } = message
    const inputMessageId = role === 'assistant' ? parentId : messageId
    return await this.#parts.sends.send({
      conversationId,
      inputMessageId,
      isBeside: true,
      options: given,
      viewer,
    })
  }

  async edit(
    messageId: string,
    input: string | readonly InputPart[],
    options: EditOptions,
    viewer?: Viewer,
  ): Promise<Turn> {
    checked(requests.messageId, messageId, 'edit: message id')
    const given = checked(requests.editOptions, options, 'edit')
    const edited = parseInput(input, 'edit')
    if (edited.role !== 'user') throw notOfUser('edit: the input has tool results.')
    const { conversationId, role, parentId = null } = await this.#message(messageId, viewer)
    if (role !== 'user') throw notOfUser(`edit: the message has the role ${role}.`)
    return await this.#parts.sends.send({
      conversationId,
      input: edited,
      isBeside: true,
      options: { ...given, parentId },
      viewer,
    })
  }

  async switchBranch(messageId: string, viewer?: Viewer): Promise<ConversationRecord> {
    checked(requests.messageId, messageId, 'switchBranch: message id')
    const { store, feed, turns } = this.#parts
    const assertIdle = (conversationId: string) => {
      if (turns.runningIn(conversationId) !== undefined) throw stillRunning()
    }
    const change = { messageId, assertIdle }
    const { conversation, isMoved } = await store.switchBranch(change, viewer)
    if (isMoved) {
      feed.announce(conversation.id, {
        type: 'conversation.changed',
        change: 'switched',
        conversation,
      })
    }
    return conversation
  }

  async fork(
    messageId: string,
    options: ForkOptions,
    viewer?: Viewer,
  ): Promise<ConversationRecord> {
    checked(requests.messageId, messageId, 'fork: message id')
    const given = checked(requests.forkOptions, options, 'fork')
    const { store, feed, options: engine } = this.#parts
    const copy = {
      ...given,
      ...ownedBy(viewer, given, 'fork'),
      messageId,
      id: engine.newId(),
      importId: engine.newId(),
      newId: engine.newId,
      at: new Date(engine.clock.now()),
    }
    const conversation = await store.forkConversation(copy, viewer)
    feed.announce(conversation.id, {
      type: 'conversation.changed',
      change: 'created',
      conversation,
    })
    return conversation
  }

  /** @throws `message-not-found` */
  async #message(id: string, viewer: Viewer | undefined): Promise<Message> {
    const message = await this.#parts.store.getMessage(id, viewer)
    this.#parts.assertOpen()
    if (message === undefined) throw messageNotFound(id)
    return message
  }
}

function notOfUser(why: string): ColloquyError {
  return new ColloquyError(
    'invalid-input',
    `${why} Only a message of the user can be edited, and it becomes one of the user.`,
  )
}

function stillRunning(): ColloquyError {
  return new ColloquyError(
    'turn-running',
    'A turn is running in this conversation, and its reply belongs to the active line. Await it or cancel it, then switch.',
  )
}
