/**
 * One stream that is kept open: it connects again after it broke, and lets go while the page is hidden.
 *
 * Knows nothing of what the events mean.
 */
import { createParser } from 'eventsource-parser'
import { ClientError, errorOf, hasType, lost, type Requests } from './request.ts'

/** What a connection does now. */
export interface ConnectionState {
  /**
   * `waiting`: it broke, and is made again at `retryAt`. `paused`: the page is hidden. `closed`: nobody
   * reads, or the server said not to connect again.
   */
  readonly status: 'connecting' | 'live' | 'waiting' | 'paused' | 'closed'
  /** UTC epoch milliseconds. */
  readonly retryAt?: number
}

export interface ConnectionEvents {
  /** The path to ask for, anew for each attempt. */
  readonly path: () => string
  readonly onEvent: (type: string, data: unknown) => void
  readonly onState: (state: ConnectionState, error?: ClientError) => void
}

const SHORTEST_MS = 500
const LONGEST_MS = 30_000
/** A connection that lived so long was a good one: the next wait is short again. */
const GOOD_MS = 10_000
/** Heartbeats come more often. */
const DEAD_MS = 45_000
const HIDDEN_MS = 30_000
/** A timer for longer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The part of a browser that tells of the page. It is absent elsewhere. */
interface Page extends EventTarget {
  readonly document?: EventTarget & { readonly visibilityState?: string }
}

export class Connection {
  readonly #requests: Requests
  readonly #events: ConnectionEvents
  #attempt: AbortController | undefined
  #timer: unknown
  #idleTimer: unknown
  #hiddenTimer: unknown
  #failures = 0
  /** Since when it has been live. */
  #liveAt: number | undefined
  #baseMs = SHORTEST_MS
  #status: ConnectionState['status'] = 'closed'

  constructor(requests: Requests, events: ConnectionEvents) {
    this.#requests = requests
    this.#events = events
  }

  get isClosed(): boolean {
    return this.#status === 'closed'
  }

  open(): void {
    if (!this.isClosed) return
    const page = globalThis as unknown as Page
    page.addEventListener?.('online', this.#wake)
    page.document?.addEventListener('visibilitychange', this.#seen)
    this.#connect()
    // A page may be opened behind others, and never be seen.
    this.#seen()
  }

  close(): void {
    this.#stop()
    this.#set({ status: 'closed' })
  }

  /** Connects anew, because what came does not fit together: at once, unless that happens again. */
  restart(error?: ClientError): void {
    if (this.isClosed || this.#status === 'paused') return
    this.#again(isFinal(error), this.#failures === 0 ? 0 : undefined, error)
  }

  #stop(): void {
    const page = globalThis as unknown as Page
    page.removeEventListener?.('online', this.#wake)
    page.document?.removeEventListener('visibilitychange', this.#seen)
    this.#requests.clock.clearTimeout(this.#hiddenTimer)
    this.#abort()
  }

  #abort(): void {
    const { clock } = this.#requests
    clock.clearTimeout(this.#timer)
    clock.clearTimeout(this.#idleTimer)
    this.#attempt?.abort()
    this.#attempt = undefined
  }

  readonly #wake = () => {
    if (this.#status !== 'waiting' && (this.#status !== 'paused' || isHidden())) return
    this.#abort()
    this.#connect()
  }

  readonly #seen = () => {
    const { clock } = this.#requests
    clock.clearTimeout(this.#hiddenTimer)
    if (!isHidden()) return this.#wake()
    this.#hiddenTimer = clock.setTimeout(() => {
      this.#abort()
      this.#set({ status: 'paused' })
    }, HIDDEN_MS)
  }

  #set(state: ConnectionState, error?: ClientError): void {
    this.#status = state.status
    this.#events.onState(state, error)
  }

  #connect(): void {
    const attempt = new AbortController()
    this.#attempt = attempt
    this.#set({ status: 'connecting' })
    void this.#read(attempt)
  }

  async #read(attempt: AbortController): Promise<void> {
    const { signal } = attempt
    const isCurrent = () => this.#attempt === attempt
    let waitMs: number | undefined
    let isOver = false
    let error: ClientError | undefined
    let response: Response | undefined
    try {
      this.#watch()
      const accept = 'text/event-stream'
      response = await this.#requests.fetch('GET', this.#events.path(), { accept, signal })
      if (!response.ok || !hasType(response, 'text/event-stream')) {
        error = await errorOf(response)
        isOver = isFinal(error)
        waitMs = error.retryAfterMs
      } else if (isCurrent()) {
        this.#liveAt = this.#requests.clock.now()
        this.#set({ status: 'live' })
        const parser = createParser({
          onRetry: (ms) => (this.#baseMs = Math.max(SHORTEST_MS, ms)),
          onEvent: ({ event = 'message', data }) => {
            const value = JSON.parse(data) as {
              readonly reconnect?: boolean
              readonly reason?: string
            }
            if (event === 'end') {
              isOver = value.reconnect === false
              waitMs = value.reason === 'rotate' ? 0 : undefined
            } else if (isCurrent()) this.#events.onEvent(event, value)
          },
        })
        const decoder = new TextDecoder()
        const body = response.body?.getReader()
        for (;;) {
          const piece = await body?.read()
          if (!isCurrent() || piece === undefined || piece.done) break
          this.#watch()
          parser.feed(decoder.decode(piece.value, { stream: true }))
        }
      }
    } catch (cause) {
      // A stream that breaks is made again. Only one that did not begin has an error to show.
      if (cause instanceof ClientError) error = cause
      else if (response === undefined) error = lost(cause)
    }
    if (isCurrent()) this.#again(isOver, waitMs, error)
  }

  /** The line is dead if nothing comes for so long. */
  #watch(): void {
    const { clock } = this.#requests
    clock.clearTimeout(this.#idleTimer)
    this.#idleTimer = clock.setTimeout(() => this.#again(false), DEAD_MS)
  }

  #again(isOver: boolean, waitMs?: number, error?: ClientError): void {
    const { clock } = this.#requests
    if (isOver) {
      this.#stop()
      return this.#set({ status: 'closed' }, error)
    }
    this.#abort()
    const now = clock.now()
    if (this.#liveAt !== undefined && now - this.#liveAt >= GOOD_MS) this.#failures = 0
    this.#liveAt = undefined
    const longest = Math.min(LONGEST_MS, this.#baseMs * 2 ** this.#failures)
    this.#failures += 1
    const wait = Math.min(waitMs ?? longest * Math.random(), LONGEST_TIMER_MS)
    this.#set({ status: 'waiting', retryAt: now + wait }, error)
    this.#timer = clock.setTimeout(() => this.#connect(), wait)
  }
}

function isHidden(): boolean {
  return (globalThis as unknown as Page).document?.visibilityState === 'hidden'
}

/** Returns true for a refusal that a repeat cannot change. */
function isFinal(error: ClientError | undefined): boolean {
  return /^40[134]$/.test(String(error?.status))
}
