/**
 * Gives a title to conversations that have none, once their first reply is on disk.
 *
 * This happens in the background, at most once at a time for each conversation. Nothing here delays
 * or fails a chat. If the model gives no title, the beginning of the first message is the title.
 * Knows nothing of how a title is asked for and cleaned.
 */
import type { ConversationStore } from '../../persistence/ports/conversation-store.ts'
import type { Feed } from '../../feed/feed.ts'
import { errorRecord } from '../../protocol/errors.ts'
import { textOf } from '../../protocol/message.ts'
import type { Binder } from '../endpoints/binding.ts'
import type { Preferences } from '../endpoints/preferences.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { LiveTurn } from '../turn/live-turn/live-turn.ts'
import type { OneShots } from './one-shots.ts'
import { cleanTitle, fallbackTitle, titlePrompt } from './title.ts'

/** A title is not worth a longer wait. */
const TITLE_MS = 30_000

interface TitlesOptions {
  readonly store: ConversationStore
  readonly feed: Feed
  readonly binder: Binder
  readonly preferences: Preferences
  readonly oneShots: OneShots
  readonly options: ResolvedOptions
}

/**
 * The endpoint and model that gave the reply. They also give the title, unless another model is
 * preferred for titles.
 */
interface TitleTarget {
  readonly endpoint: string
  readonly model: string
}

interface RunningTitle {
  readonly stop: AbortController
  readonly over: Promise<void>
}

export class Titles {
  readonly #parts: TitlesOptions
  /** By conversation id. */
  readonly #running = new Map<string, RunningTitle>()
  readonly #stop = new AbortController()

  constructor(parts: TitlesOptions) {
    this.#parts = parts
  }

  /** Gives the conversation of a finished turn a title, if it has none and the host wants one. */
  consider(live: LiveTurn): void {
    const { options } = this.#parts
    const { conversationId, step } = live
    if (!options.autoTitle || this.#stop.signal.aborted) return
    if (this.#running.get(conversationId)?.stop.signal.aborted === false) return
    if (step === undefined || step.bound.conversation.title !== undefined) return
    const target = step.asked
    const stop = new AbortController()
    const signal = AbortSignal.any([this.#stop.signal, stop.signal])
    const over = this.#title(conversationId, target, signal)
      .catch((error: unknown) => {
        options.warnings.warn(
          'title',
          { err: error, conversationId },
          'A conversation could not be titled.',
        )
      })
      .finally(() => {
        if (this.#running.get(conversationId) === running) this.#running.delete(conversationId)
      })
    const running = { stop, over }
    this.#running.set(conversationId, running)
  }

  /**
   * Stops the title of a conversation that is being deleted. Another conversation may get the same
   * id, and must not get this title.
   */
  forget(conversationId: string): void {
    this.#running.get(conversationId)?.stop.abort()
  }

  /** Resolves when no title is being made. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#running.values(), ({ over }) => over))
  }

  /**
   * Aborts the titles that are being made. Their conversations are titled after their next reply.
   */
  stop(): Promise<void> {
    this.#stop.abort()
    return this.settled()
  }

  async #title(conversationId: string, target: TitleTarget, signal: AbortSignal): Promise<void> {
    const { store, feed } = this.#parts
    const conversation = await store.getConversation(conversationId)
    if (conversation === undefined || conversation.title !== undefined) return
    const messages = (await store.listMessages(conversationId)) ?? []
    const userText = messages.find(
      (message) => message.role === 'user' && message.text !== '',
    )?.text
    if (userText === undefined) return
    const answer = messages.find((message) => message.role === 'assistant' && message.text !== '')
    const prompt = titlePrompt(userText, textOf(answer?.parts ?? []))
    const given = await this.#ask(prompt, target, signal)
    if (signal.aborted) return
    const title = given === '' ? fallbackTitle(userText) : given
    // The message has no visible characters.
    if (title === '') return
    const titled = await store.titleConversation(conversationId, title)
    if (titled === undefined) return
    feed.announce(conversationId, {
      type: 'conversation.changed',
      change: 'titled',
      conversation: titled,
    })
  }

  /** The model's title; empty if it gives none. */
  async #ask(prompt: string, target: TitleTarget, stopped: AbortSignal): Promise<string> {
    const { binder, preferences, oneShots, options } = this.#parts
    const late = new AbortController()
    const timer = options.clock.setTimeout(() => late.abort(), TITLE_MS)
    try {
      const model = preferences.model('title')
      const { text } = await oneShots.ask({
        binding: binder.bind({ purpose: 'title', model, conversation: target }),
        // A title is not worth more load on a failing provider.
        isOnce: true,
        purpose: 'title',
        prompt,
        settings: {},
        signal: AbortSignal.any([stopped, late.signal]),
      })
      return cleanTitle(text)
    } catch (error) {
      const { code } = errorRecord(error)
      options.logger.debug({ code }, 'The model gave no title; the first message gives one.')
      return ''
    } finally {
      options.clock.clearTimeout(timer)
    }
  }
}
