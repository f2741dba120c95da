/** The highlighter: a file of its own, loaded with the first finished block of code. */
import hljs from 'highlight.js/lib/common'

/** The code as HTML with classes, or `undefined` if the language is not known. */
export function highlight(code: string, language: string): string | undefined {
  if (hljs.getLanguage(language) === undefined) return undefined
  return hljs.highlight(code, { language, ignoreIllegals: true }).value
}
