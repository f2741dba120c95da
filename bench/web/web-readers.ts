/** Readers of streams in a process of their own. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export type Order =
  | { readonly type: 'open' | 'ask'; readonly port: number; readonly requests: readonly string[] }
  | { readonly type: 'ended'; readonly count: number }
  | { readonly type: 'leave' }

/** The answer to an order, once it is done. */
export interface Told {
  /** The bytes that all readers got since the last `open` or `ask`. */
  readonly bytes: number
}

export class WebReaders {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'readers-process.ts'), { execArgv: [] })
  }

  /** Opens streams. Resolves once each has its first event. */
  open(port: number, path: string, count: number): Promise<Told> {
    const request = `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
    return this.#tell({
      type: 'open',
      port,
      requests: Array.from({ length: count }, () => request),
    })
  }

  /** Sends bodies one after the other, each after the end of the stream before it. */
  ask(port: number, paths: readonly string[], body: string): Promise<Told> {
    const head = `host: localhost\r\naccept: text/event-stream\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}`
    const requests = paths.map((path) => `POST ${path} HTTP/1.1\r\n${head}\r\n\r\n${body}`)
    return this.#tell({ type: 'ask', port, requests })
  }

  /** Resolves once that many readers have seen the end of a reply. */
  ended(count: number): Promise<Told> {
    return this.#tell({ type: 'ended', count })
  }

  /** Closes all connections. */
  leave(): Promise<Told> {
    return this.#tell({ type: 'leave' })
  }

  stop(): void {
    this.#child.kill()
  }

  async #tell(order: Order): Promise<Told> {
    const told = once(this.#child, 'message') as Promise<[Told]>
    this.#child.send(order)
    return (await told)[0]
  }
}
