/** The measured process's control of held replies: waits until they are held, and releases them. */
import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'

export class HeldReplies {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** Resolves when that many replies have begun and wait. */
  async reach(count: number): Promise<void> {
    await this.#get(`/held?count=${count}`)
  }

  /** Releases the held replies. Their deltas follow a moment after this resolves. */
  async release(): Promise<void> {
    await this.#get('/release')
  }

  #get(path: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const request = get(this.#url + path, { agent: false }, (response: IncomingMessage) => {
      response.resume().once('end', resolve)
    })
    request.once('error', reject)
    return promise
  }
}
