/** Says that there is no connection, with the time of the next attempt. */
import type { ChatState } from 'colloquy/client'
import { h, setText } from '../elements.ts'
import { Seconds } from '../frames.ts'
import { secondsUntil, TEXTS } from '../texts.ts'

/** A connection that is back sooner was not missed. */
const SHOWN_AFTER_MS = 600

type Connection = ChatState['connection']

export class ConnectionBar {
  readonly #text = h('span')
  readonly #button = h(
    'button',
    { type: 'button', class: 'button', onclick: () => this.#connect() },
    TEXTS.connectNow,
  )
  readonly element = h('div', { class: 'connection-bar', hidden: true }, this.#text, this.#button)
  readonly #seconds = new Seconds(() => this.#show())
  #connection: Connection | undefined
  #lostAt: number | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor() {
    for (const type of ['online', 'offline'])
      addEventListener(type, () => this.update(this.#connection))
  }

  update(connection: Connection | undefined): void {
    this.#connection = connection
    const status = connection?.status
    const isLost =
      !navigator.onLine ||
      status === 'waiting' ||
      (this.#lostAt !== undefined && status === 'connecting')
    if (isLost && this.#lostAt === undefined) {
      this.#lostAt = Date.now()
      this.#timer = setTimeout(() => this.#show(), SHOWN_AFTER_MS)
    } else if (!isLost) {
      this.#lostAt = undefined
      clearTimeout(this.#timer)
    }
    this.#seconds.run(isLost)
    this.#show()
  }

  #show(): void {
    const lostAt = this.#lostAt
    this.element.hidden = lostAt === undefined || Date.now() - lostAt < SHOWN_AFTER_MS
    if (this.element.hidden) return
    const { status, retryAt } = this.#connection ?? {}
    const isWaiting = status === 'waiting' && retryAt !== undefined
    const connecting = status === 'connecting' ? TEXTS.reconnecting : TEXTS.offline
    setText(this.#text, isWaiting ? TEXTS.reconnectingIn(secondsUntil(retryAt)) : connecting)
    this.#button.hidden = !isWaiting
  }

  /** The client connects at once when the browser says that it is online again. */
  #connect(): void {
    dispatchEvent(new Event('online'))
  }
}
