/** Short notes at the edge of the page, some with a button. */
import { h, iconButton } from '../elements.ts'
import { TEXTS } from '../texts.ts'

const SHOWN_MS = 7_000

export interface Toast {
  readonly text: string
  readonly action?: { readonly name: string; readonly act: () => void }
  /** How long it is shown, in milliseconds. */
  readonly shownMs?: number
}

export class Toasts {
  readonly element = h('div', { class: 'toasts', role: 'status' })

  show({ text, action, shownMs = SHOWN_MS }: Toast): void {
    const close = () => {
      clearTimeout(timer)
      toast.remove()
    }
    const act = () => {
      close()
      action?.act()
    }
    const toast = h(
      'div',
      { class: 'toast' },
      h('span', { dir: 'auto' }, text),
      action && h('button', { type: 'button', class: 'button', onclick: act }, action.name),
      iconButton(TEXTS.dismiss, 'close', close),
    )
    const timer = setTimeout(close, shownMs)
    this.element.append(toast)
  }
}
