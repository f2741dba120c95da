/**
 * The one place where text becomes elements.
 *
 * Raw HTML was escaped before (`rendering.ts`), so what comes here was made by the renderer. DOMPurify
 * is the second line: it lets through what markdown makes, and nothing else.
 */
import DOMPurify from 'dompurify'

const TAGS = (
  'p br hr h1 h2 h3 h4 h5 h6 blockquote ul ol li strong em del code pre a span ' +
  'table thead tbody tr th td'
).split(' ')

/** Addresses of links. A link with another address loses it. */
export const SAFE_ADDRESS = /^(?:https?:\/\/|mailto:)/i

export function sanitized(html: string): DocumentFragment {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ['href', 'title', 'class', 'align', 'start'],
    ALLOWED_URI_REGEXP: SAFE_ADDRESS,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  })
}
