/** Styles text for the screen. Knows nothing of the places where colours are wanted. */
import { styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

/** Gives text a style. */
export type Paint = (style: Style | undefined, text: string) => string

export const coloured: Paint = (style, text) =>
  style === undefined || text === '' ? text : styleText(style, text, { validateStream: false })

/** For pipes, plain terminals and `NO_COLOR`. */
export const colourless: Paint = (_, text) => text
