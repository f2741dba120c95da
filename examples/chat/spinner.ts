/** Shows that the chat waits, and for how long. Silent without a terminal. */
import type { Terminal } from './terminal.ts'

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 80

export class Spinner {
  readonly #terminal: Terminal
  #timer: NodeJS.Timeout | undefined

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  start(): void {
    if (!this.#terminal.animated) return
    const started = performance.now()
    let frame = 0
    this.#timer = setInterval(() => {
      const seconds = Math.floor((performance.now() - started) / 1000)
      const wait = seconds < 2 ? '' : ` ${seconds} s`
      this.#terminal.flash(`${FRAMES[frame++ % FRAMES.length]}${wait}`)
    }, FRAME_MS)
  }

  stop(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#terminal.flash('')
  }
}
