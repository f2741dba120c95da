/** Work that is done once in the next frame, however often it is asked for. */
export function oncePerFrame(work: () => void): () => void {
  let isAsked = false
  return () => {
    if (isAsked) return
    isAsked = true
    requestAnimationFrame(() => {
      isAsked = false
      work()
    })
  }
}

/** Calls back each second, as long as somebody counts down. */
export class Seconds {
  readonly #tick: () => void
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(tick: () => void) {
    this.#tick = tick
  }

  run(isNeeded: boolean): void {
    if (isNeeded && this.#timer === undefined) {
      this.#timer = setInterval(() => this.#tick(), 1_000)
    } else if (!isNeeded) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }
}
