/**
 * The steps of an answer, good or bad. A test combines them:
 * `inOrder(head(200), send('data: {'), until(gate), reset())`.
 *
 * Each step is a script. It waits until the system has taken the bytes that it wrote, so that a
 * later cut loses none of them. It leaves no timer when the response is closed. Knows the framing
 * of server-sent events, and nothing of dialects.
 */
import { setImmediate as loopTurn } from 'node:timers/promises'
import type { Gate } from './gate.ts'
import { type Script, run } from './script.ts'
import type { ServedRequest } from './served-request.ts'

/** Runs steps one after another, until the response is ended or closed. */
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
 * Sends pieces of the body, each as a chunk frame of its own. Bytes and strings are sent as they
 * are, objects as events.
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

/**
 * Sends a body byte by byte, each as a chunk frame of its own.
 *
 * @param everyMs - the pause after each byte, in milliseconds
 */
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
 * Sends a piece repeatedly, no faster than the client reads it. This makes an endless body, or one
 * of many megabytes that is never in memory as a whole.
 *
 * @param piece - not empty; a function makes the nth piece, from 0
 * @param times - how often the piece is sent. @defaultValue until the client leaves
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
      // A client in the same process needs turns of the event loop to read, and to leave.
      if (n % 16 === 15) await loopTurn()
    }
  }
}

/**
 * Sends comments, as servers do to keep a quiet connection alive.
 *
 * @param everyMs - the pause after each comment, in milliseconds
 * @param enough - stops the comments. @defaultValue they stop when the client leaves
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

/** Waits for a gate, for a promise, or for the promise that a function returns. */
export function until(what: Gate | Promise<unknown> | (() => unknown)): Script {
  return async () => {
    if (typeof what === 'function') await what()
    else await promiseOf(what)
  }
}

/**
 * Does nothing more until the client leaves. As the only step, it accepts a request and never
 * answers.
 */
export function hang(): Script {
  return (exchange) => exchange.closed
}

/** Ends the body as HTTP requires. */
export function end(): Script {
  return ({ response }) => void response.end()
}

/** Closes the connection at this point: for the client, the body breaks off. */
export function cut(): Script {
  return ({ response }) => void response.destroy()
}

/** Resets the connection (RST). The client may lose even bytes that had arrived. */
export function reset(): Script {
  return ({ request }) => void request.socket.resetAndDestroy()
}

/** Sends the end of the stream (FIN) and keeps listening. The rest of the answer never comes. */
export function halfClose(): Script {
  return ({ request }) => void request.socket.end()
}

/**
 * Writes bytes directly to the socket. They may be status lines and headers that Node would not
 * send, informational answers, or no HTTP at all. Follow it with `cut()`, `halfClose()` or
 * `hang()`.
 */
export function bytes(...pieces: readonly (string | Uint8Array)[]): Script {
  return async ({ request: { socket } }) => {
    for (const piece of pieces) {
      if (socket.destroyed) return
      await new Promise<void>((resolve) => socket.write(piece, () => resolve()))
    }
  }
}

/** Returns true if nothing more can be sent: the answer was ended, or its connection is gone. */
function isAnswered({ response }: ServedRequest): boolean {
  return response.writableEnded || response.destroyed || response.closed
}

/** Resolves when the system has taken a piece of the body, or the response is closed. */
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

/** Resolves after a time, or when the response is closed. */
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
