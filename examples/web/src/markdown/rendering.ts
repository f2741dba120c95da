/**
 * Tokens of markdown as elements.
 *
 * Raw HTML is shown as text. Pictures of other servers become links with the name of their host: to
 * load one would tell that server what the model wrote into its address. Only http, https and mailto
 * are links.
 */
import { Marked, type Token, type Tokens } from 'marked'
import { h } from '../elements.ts'
import { TEXTS } from '../texts.ts'
import { languageOf } from './blocks.ts'
import { CodeFrame } from './code-frame.ts'
import { SAFE_ADDRESS, sanitized } from './sanitizing.ts'

const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ raw }: Tokens.HTML | Tokens.Tag) => escaped(raw),
    image: ({ href, text }: Tokens.Image) => picture(href, text),
    link({ href, title, tokens }: Tokens.Link) {
      const label = this.parser.parseInline(tokens)
      if (!SAFE_ADDRESS.test(href)) return label
      const hint = title ? ` title="${escaped(title)}"` : ''
      return `<a href="${escaped(href)}"${hint}>${label}</a>`
    },
    code: ({ text, lang }: Tokens.Code) =>
      `<pre><code class="language-${languageOf(lang)}">${escaped(text)}</code></pre>\n`,
    checkbox: ({ checked }: Tokens.Checkbox) => (checked ? '☑ ' : '☐ '),
  },
})

/** The options of the lexer that belongs to this renderer. */
export const LEXING = marked.defaults

export function rendered(tokens: readonly Token[]): DocumentFragment {
  const fragment = sanitized(marked.parser([...tokens]))
  for (const link of fragment.querySelectorAll('a')) {
    link.rel = 'noopener noreferrer nofollow'
    link.target = '_blank'
    link.dir = 'auto'
  }
  for (const block of fragment.querySelectorAll(
    'p, li, h1, h2, h3, h4, h5, h6, blockquote, th, td',
  )) {
    block.setAttribute('dir', 'auto')
  }
  for (const table of fragment.querySelectorAll('table')) {
    const box = h('div', {
      class: 'table-box',
      tabindex: 0,
      role: 'region',
      'aria-label': TEXTS.table,
    })
    table.replaceWith(box)
    box.append(table)
  }
  for (const pre of fragment.querySelectorAll('pre')) {
    const code = pre.querySelector('code')
    const language = /language-(\S+)/.exec(code?.className ?? '')?.[1] ?? ''
    const frame = new CodeFrame(language)
    frame.show(pre.textContent.replace(/\n$/, ''))
    frame.finish()
    pre.replaceWith(frame.element)
  }
  return fragment
}

function picture(href: string, text: string): string {
  const host = /^https?:\/\//i.test(href) ? URL.parse(href)?.host : undefined
  if (host === undefined) return escaped(text)
  return `<a href="${escaped(href)}">${escaped(text === '' ? host : `${text} (${host})`)}</a>`
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
