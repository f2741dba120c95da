/** Keeps the end of a box in view while its reader is there, and offers the way back otherwise. */
import { h, icon } from '../elements.ts'
import { TEXTS } from '../texts.ts'

/** Nearer to the end than this counts as at the end. */
const NEAR = 48

export class Scrolling {
  readonly button = h(
    'button',
    { type: 'button', class: 'button new-text', hidden: true, onclick: () => this.toEnd() },
    icon('down'),
    TEXTS.newText,
  )
  readonly #box: HTMLElement
  #isAtEnd = true
  #top = 0

  /** @param content - what grows inside the box */
  constructor(box: HTMLElement, content: HTMLElement) {
    this.#box = box
    box.addEventListener('scroll', () => this.#scrolled(), { passive: true })
    const observer = new ResizeObserver(() => this.#isAtEnd && this.#jump())
    observer.observe(content)
    observer.observe(box)
  }

  /** Text came. */
  grew(): void {
    this.button.hidden = this.#isAtEnd
  }

  toEnd(): void {
    this.#isAtEnd = true
    this.button.hidden = true
    this.#jump()
  }

  /** Keeps what is read in its place while something is put before it. */
  keepPlace(change: () => void): void {
    const { scrollHeight, scrollTop } = this.#box
    this.#isAtEnd = false
    change()
    this.#box.scrollTop = scrollTop + this.#box.scrollHeight - scrollHeight
  }

  #jump(): void {
    this.#box.scrollTop = this.#box.scrollHeight
    this.#top = this.#box.scrollTop
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#box
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR
    // Text that grows moves the end away, which is no scrolling: only a way up leaves the end.
    if (isNear) this.#isAtEnd = true
    else if (scrollTop < this.#top - 1) this.#isAtEnd = false
    this.#top = scrollTop
    if (isNear) this.button.hidden = true
  }
}
