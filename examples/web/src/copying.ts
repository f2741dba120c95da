/** A button that copies a text, and says so. */
import { h, icon, setChildren } from './elements.ts'
import { TEXTS } from './texts.ts'

const SHOWN_MS = 1_500

export function copyButton(name: string, text: () => string): HTMLButtonElement {
  const label = h('span', { class: 'hidden' }, name)
  const button = h('button', {
    type: 'button',
    class: 'icon-button',
    title: name,
    onclick: () => void copy(),
  })
  const show = (isDone: boolean) => setChildren(button, [icon(isDone ? 'check' : 'copy'), label])
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text())
      label.textContent = TEXTS.copied
      show(true)
    } catch {
      // The browser asks its person, who may say no.
      label.textContent = TEXTS.notCopied
      button.title = TEXTS.notCopied
    }
    setTimeout(() => {
      label.textContent = name
      button.title = name
      show(false)
    }, SHOWN_MS)
  }
  show(false)
  return button
}
