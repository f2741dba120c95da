/**
 * The session of the local page: a random cookie that comes with the document.
 *
 * `SameSite=Strict` keeps pages of other sites from using it, and `HttpOnly` keeps it from scripts.
 * A browser keeps cookies for a host, whatever the port, so the port is in the name.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'

export class PageSession {
  readonly #name: string
  readonly #token = randomBytes(32).toString('base64url')

  constructor(port: number) {
    this.#name = `colloquy-${port}`
  }

  /** The header that gives the session to a browser. It lives as long as the browser or the server. */
  get setCookie(): string {
    return `${this.#name}=${this.#token}; Path=/; HttpOnly; SameSite=Strict`
  }

  /** Returns true if a request has the cookie. */
  has(cookies: string | null | undefined): boolean {
    const expected = Buffer.from(`${this.#name}=${this.#token}`)
    return (cookies ?? '').split(/;\s*/).some((cookie) => {
      const given = Buffer.from(cookie)
      return given.length === expected.length && timingSafeEqual(given, expected)
    })
  }
}
