/**
 * The steps that an answer, good or bad, is put together of: `inOrder(head(200), send('data: {'),
 * until(gate), reset())`.
 *
 * A step is a script. It waits until what it wrote was taken, so that nothing is cut off that was
 * sent before, and leaves no timer behind once the exchange is over.
 */
import { setImmediate as loopTurn } from 'node:timers/promises'
import type { Gate } from './gate.ts'
import { type Script, run } from './script.ts'
import type { ServedRequest } from './served-request.ts'

/** Runs steps one after another, until the exchange is over. */
export function inOrder(...steps: readonly Script[]): Script {
  return async (exchange) => {
    for (const step of steps) {
      if (isAnswered(exchange)) return
      await run(step, exchange)
    }
  }
}

/**
 * Sends the status line and headers at once. Without this step the first `send` opens an event
 * stream.
 *
 * @param status - from 100 to 999; Node sends no body with 1xx, 204 and 304
 */
export function head(status: number, headers: Readonly<Record<string, string>> = {}): Script {
  return ({ response }) => {
    response.writeHead(status, headers)
    response.flushHeaders()
  }
}

/**
 * Sends pieces of the body, each as a chunk frame of its own: bytes and strings as they are,
 * objects as events.
 */
export function send(...pieces: readonly (string | Uint8Array | object)[]): Script {
  return async (exchange) => {
    exchange.open()
    for (const piece of pieces) {
      if (isAnswered(exchange)) return
      await written(exchange, wireForm(piece))
    }
  }
}

/** Sends a body byte by byte, each a chunk frame. @param everyMs - between two bytes, in milliseconds */
export function drip(body: string | Uint8Array, everyMs: number): Script {
  return async (exchange) => {
    exchange.open()
    for (const byte of Buffer.from(body)) {
      if (isAnswered(exchange)) return
      await written(exchange, Uint8Array.of(byte))
      await pause(exchange, everyMs)
    }
  }
}

/**
 * Sends a piece again and again, no faster than the client takes it: a body without end, or one
 * of many megabytes that is never in memory.
 *
 * @param piece - not empty; a function makes the nth, from 0
 * @param times - how often. @defaultValue until the client leaves
 */
export function flood(
  piece: string | Uint8Array | ((n: number) => string | Uint8Array),
  times = Infinity,
): Script {
  return async (exchange) => {
    exchange.open()
    const one = typeof piece === 'function' ? undefined : Buffer.from(piece)
    for (let n = 0; n < times && !isAnswered(exchange); n += 1) {
      await written(exchange, one ?? (piece as (n: number) => string | Uint8Array)(n))
      // A client in the same process has to come round to reading, and to leaving.
      if (n % 16 === 15) await loopTurn()
    }
  }
}

/**
 * Sends comments, as servers do to keep a quiet connection alive.
 *
 * @param everyMs - between two comments, in milliseconds
 * @param enough - when to stop. @defaultValue when the client leaves
 */
export function keepAlive(everyMs: number, enough?: Gate | Promise<unknown>): Script {
  return async (exchange) => {
    const stop = new AbortController()
    const over = (): void => stop.abort()
    promiseOf(enough)?.then(over, over)
    exchange.open()
    while (!stop.signal.aborted && !isAnswered(exchange)) {
      await written(exchange, ': keep-alive\n\n')
      await pause(exchange, everyMs)
    }
  }
}

/** Waits for a gate, or for anything else. */
export function until(what: Gate | Promise<unknown> | (() => unknown)): Script {
  return async () => {
    if (typeof what === 'function') await what()
    else await promiseOf(what)
  }
}

/** Does nothing more until the client leaves. As the only step: accepts a request and never answers. */
export function hang(): Script {
  return (exchange) => exchange.closed
}

/** Ends the body as HTTP says it should. */
export function end(): Script {
  return ({ response }) => void response.end()
}

/** Closes the connection where it stands: for the client, the body breaks off. */
export function cut(): Script {
  return ({ response }) => void response.destroy()
}

/** Resets the connection (RST): the client may lose even what had arrived. */
export function reset(): Script {
  return ({ request }) => void request.socket.resetAndDestroy()
}

/** Sends the end of the stream (FIN) and goes on listening: what the answer lacked never comes. */
export function halfClose(): Script {
  return ({ request }) => void request.socket.end()
}

/**
 * Writes to the socket past HTTP: status lines and headers that Node would not send, informational
 * answers, or what is no HTTP at all. Follow it with `cut()`, `halfClose()` or `hang()`.
 */
export function bytes(...pieces: readonly (string | Uint8Array)[]): Script {
  return async ({ request: { socket } }) => {
    for (const piece of pieces) {
      if (socket.destroyed) return
      await new Promise<void>((resolve) => socket.write(piece, () => resolve()))
    }
  }
}

/** Whether nothing more can be sent: the answer was ended, or its connection is gone. */
function isAnswered({ response }: ServedRequest): boolean {
  return response.writableEnded || response.destroyed || response.closed
}

/** Resolves when a piece of the body was taken, or never will be. */
function written({ response }: ServedRequest, piece: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      response.off('close', over)
      resolve()
    }
    response.once('close', over)
    response.write(piece, over)
  })
}

/** Resolves after a time, or when the exchange is over. */
function pause({ response }: ServedRequest, ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (response.closed) return resolve()
    const over = (): void => {
      clearTimeout(timer)
      response.off('close', over)
      resolve()
    }
    const timer = setTimeout(over, ms)
    response.once('close', over)
  })
}

function wireForm(piece: string | Uint8Array | object): string | Uint8Array {
  if (typeof piece === 'string' || piece instanceof Uint8Array) return piece
  return `data: ${JSON.stringify(piece)}\n\n`
}

function promiseOf(what: Gate | Promise<unknown> | undefined): Promise<unknown> | undefined {
  return what instanceof Promise ? what : what?.opened
}
