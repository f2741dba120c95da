/**
 * The chosen theme, as a cookie: the server writes it into the document, so that a page never flashes
 * in the other one.
 */
export type Theme = 'light' | 'dark'

const NAME = 'colloquy-theme'

export function themeIn(cookies: string | undefined): Theme | undefined {
  const [, theme] = /(?:^|;\s*)colloquy-theme=(light|dark)(?:;|$)/.exec(cookies ?? '') ?? []
  return theme as Theme | undefined
}

/** The text for `document.cookie`. Without a theme the cookie is removed. */
export function themeCookie(theme: Theme | undefined): string {
  const age = theme === undefined ? 0 : 365 * 24 * 3600
  return `${NAME}=${theme ?? ''}; Path=/; SameSite=Strict; Max-Age=${age}`
}
