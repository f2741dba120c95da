/** A text box that is as high as its text, up to the limit of its style. */
import { h, type Properties } from '../elements.ts'

export function growingBox(properties: Properties): HTMLTextAreaElement {
  const box = h('textarea', { rows: 1, dir: 'auto', ...properties })
  const fit = () => {
    box.style.height = 'auto'
    box.style.height = `${box.scrollHeight}px`
  }
  box.addEventListener('input', fit)
  return box
}
