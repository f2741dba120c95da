/**
 * All open streams: their sources, their limits, and the one timer for heartbeats, rotation and
 * readers that stay behind.
 *
 * Knows nothing of requests.
 */
import type { OwnerView } from '../../index.ts'
import type { StreamEnd } from '../../protocol/web.ts'
import { ConversationSource, type SourceEnd } from './conversation-source.ts'
import { parseHave } from './cursor.ts'
import { ListSource } from './list-source.ts'
import type { ResolvedOptions } from '../options/resolved-options.ts'
import { Refusal } from '../refusals/refusal.ts'
import { type CatchUp, type Gap, Reader } from './reader.ts'

/** What one stream reads. */
export interface StreamRequest {
  readonly owner: string
  readonly view: OwnerView
  /** The conversation to read with its content. */
  readonly conversationId?: string | undefined
  /** True to read the list of conversations too. */
  readonly list?: boolean | undefined
  /** The only turn to read. */
  readonly turnId?: string | undefined
  readonly lastEventId?: string | undefined
  readonly have?: string | null | undefined
}

const CLOSED: StreamEnd = { reason: 'closed', reconnect: true }
const DELETED: StreamEnd = { reason: 'deleted', reconnect: false }
const ROTATE: StreamEnd = { reason: 'rotate', reconnect: true }

export class Hub {
  readonly #options: ResolvedOptions
  readonly #readers = new Set<Reader>()
  readonly #places = new Map<string, number>()
  #taken = 0
  readonly #conversations = new Map<string, ConversationSource>()
  readonly #lists = new Map<string, ListSource>()
  #timer: unknown

  constructor(options: ResolvedOptions) {
    this.#options = options
  }

  /** The number of open streams. */
  get size(): number {
    return this.#readers.size
  }

  /**
   * Takes the place of one stream, before anything is done for it.
   *
   * @returns a function that gives the place back, to be called once
   * @throws `too-many-streams`
   */
  takePlace(owner: string): () => void {
    const { streams, streamsPerOwner } = this.#options.limits
    const count = this.#places.get(owner) ?? 0
    if (count >= streamsPerOwner || this.#taken >= streams) throw new Refusal('too-many-streams')
    this.#places.set(owner, count + 1)
    this.#taken += 1
    return () => {
      const left = (this.#places.get(owner) ?? 1) - 1
      if (left === 0) this.#places.delete(owner)
      else this.#places.set(owner, left)
      this.#taken -= 1
    }
  }

  /**
   * @param leavePlace - gives back the place that the stream has
   * @throws `too-many-streams`
   */
  open(request: StreamRequest, leavePlace = this.takePlace(request.owner)): Reader {
    const { owner, conversationId } = request
    const { readerBytes } = this.#options.limits
    const conversation =
      conversationId === undefined ? undefined : this.#conversation(request, conversationId)
    const list = request.list === true ? this.#list(request) : undefined
    const gap = gapOf(request, conversation)
    const reader = new Reader({
      owner,
      source: joined(list, conversation),
      conversationId,
      turnId: request.turnId,
      gap,
      readerBytes,
      now: () => this.#options.clock.now(),
      id: () => conversation?.id() ?? '-',
      onLeft: () => {
        leavePlace()
        this.#left(reader, conversation, list)
      },
      onFailed: (error) => {
        const name = error instanceof Error ? error.name : typeof error
        this.#options.logger.warn({ error: name }, 'A stream was cut: its state was not readable.')
      },
    })
    this.#readers.add(reader)
    conversation?.channel.add(reader)
    list?.channel.add(reader)
    this.#watch()
    return reader
  }

  /** Ends all streams, in this tick. */
  close(): void {
    for (const reader of this.#readers) reader.end(CLOSED)
  }

  #conversation({ owner, view }: StreamRequest, conversationId: string): ConversationSource {
    const key = `${owner}\n${conversationId}`
    const known = this.#conversations.get(key)
    if (known !== undefined) return known
    const source = new ConversationSource(view, conversationId, this.#options, (end) => {
      if (this.#conversations.get(key) === source) this.#conversations.delete(key)
      endAll(source, end)
    })
    this.#conversations.set(key, source)
    source.start()
    return source
  }

  #list({ owner, view }: StreamRequest): ListSource {
    const known = this.#lists.get(owner)
    if (known !== undefined) return known
    const source = new ListSource(view, this.#options, (end) => {
      if (this.#lists.get(owner) === source) this.#lists.delete(owner)
      endAll(source, end)
    })
    this.#lists.set(owner, source)
    source.start()
    return source
  }

  #left(
    reader: Reader,
    conversation: ConversationSource | undefined,
    list: ListSource | undefined,
  ): void {
    this.#readers.delete(reader)
    conversation?.channel.remove(reader)
    if (conversation?.channel.size === 0) {
      conversation.stop()
      const key = `${reader.owner}\n${conversation.conversationId}`
      if (this.#conversations.get(key) === conversation) this.#conversations.delete(key)
    }
    list?.channel.remove(reader)
    if (list?.channel.size === 0) {
      list.stop()
      if (this.#lists.get(reader.owner) === list) this.#lists.delete(reader.owner)
    }
    if (this.#readers.size > 0) return
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** One timer for all streams. It never keeps the process alive. */
  #watch(): void {
    if (this.#timer !== undefined) return
    const { clock, heartbeatMs, limits } = this.#options
    const shortest = Math.min(heartbeatMs, limits.behindMs, limits.streamMs, 4_000)
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined
        this.#sweep()
        if (this.#readers.size > 0) this.#watch()
      },
      Math.max(1, Math.floor(shortest / 4)),
    )
    if (this.#timer instanceof Object && 'unref' in this.#timer) {
      ;(this.#timer as NodeJS.Timeout).unref()
    }
  }

  #sweep(): void {
    const { clock, heartbeatMs, limits } = this.#options
    const now = clock.now()
    for (const reader of this.#readers) {
      if (reader.stuckMs(now) >= limits.behindMs) reader.cut()
      else if (reader.rotates && now - reader.openedAt >= limits.streamMs) reader.end(ROTATE)
      else if (now - reader.wroteAt >= heartbeatMs) reader.heartbeat()
    }
  }
}

function gapOf(request: StreamRequest, conversation: ConversationSource | undefined): Gap {
  const whole: Gap = { turnId: undefined, missed: new Map(), endedTurnId: undefined }
  if (conversation === undefined) return whole
  const { turnId } = request
  if (turnId !== undefined) {
    return conversation.running()?.id === turnId ? whole : { ...whole, endedTurnId: turnId }
  }
  return conversation.gapAfter(request.lastEventId, parseHave(request.have ?? null))
}

/** The list is told first: it is short, and the conversation follows. */
function joined(
  list: ListSource | undefined,
  conversation: ConversationSource | undefined,
): CatchUp {
  return {
    prepare: async (gap) => {
      const tellList = await list?.prepare()
      const tell = await conversation?.prepare(gap)
      if (conversation !== undefined && tell === undefined) return undefined
      return (reader, missed) => {
        tellList?.(reader)
        tell?.(reader, missed)
      }
    },
  }
}

function endAll({ channel }: ConversationSource | ListSource, end: SourceEnd): void {
  for (const reader of channel.readers()) reader.end(end === 'deleted' ? DELETED : CLOSED)
}
