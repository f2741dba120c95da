/** The switch of the theme: as the system, light, dark. */
import { type Theme, themeCookie } from '../../theme-cookie.ts'
import { icon, iconButton } from '../elements.ts'
import { TEXTS } from '../texts.ts'

const NEXT = { system: 'light', light: 'dark', dark: 'system' } as const

export function themeSwitch(): HTMLButtonElement {
  const { dataset } = document.documentElement
  const now = () => (dataset['theme'] as Theme | undefined) ?? 'system'
  const button = iconButton('', 'system', () => {
    const next = NEXT[now()]
    if (next === 'system') delete dataset['theme']
    else dataset['theme'] = next
    document.cookie = themeCookie(next === 'system' ? undefined : next)
    show()
  })
  const show = () => {
    button.replaceChildren(icon(now()))
    button.title = TEXTS.theme[now()]
    button.setAttribute('aria-label', TEXTS.theme[now()])
  }
  show()
  return button
}
