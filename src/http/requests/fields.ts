/**
 * The fields of a body, with their checks. A field that a route does not know is refused, and so is a
 * choice that the host did not leave to browsers.
 *
 * The engine checks values once more. Knows nothing of routes.
 */
import type { InputPart, TurnOptions } from '../../index.ts'
import type { BrowserInput, Permission } from '../options/handler-options.ts'
import type { ResolvedOptions } from '../options/resolved-options.ts'
import { Refusal } from '../refusals/refusal.ts'

export type Body = Readonly<Record<string, unknown>>

/** What a browser may choose for a turn or a conversation, as far as the host allows it. */
export const CHOICES = [
  'model',
  'endpoint',
  'system',
  'settings',
  'tools',
  'metadata',
  'sendPolicy',
] as const

type Choice = (typeof CHOICES)[number]
export type Choices = Pick<TurnOptions, Choice>

export type LastingChoices = Omit<Choices, 'tools'> & {
  readonly tools?: readonly string[] | undefined
}

const ID = /^[A-Za-z0-9_.~-]{1,200}$/
const FILE_URL = /^(data|https):/i

/** Returns true for an id that may stand in a path. */
export function isId(text: string): boolean {
  return ID.test(text)
}

/** @throws `body-invalid` */
export function assertKnown(body: Body, known: readonly string[]): void {
  for (const field of Object.keys(body)) {
    if (!known.includes(field)) throw invalid(field.slice(0, 100))
  }
}

/** A text field, or `undefined` if it is absent. */
export function textField(body: Body, field: string): string | undefined {
  const value = body[field]
  if (value === undefined || typeof value === 'string') return value
  throw invalid(field)
}

/** An id in a body, or `undefined` if it is absent. */
export function idField(body: Body, field: string): string | undefined {
  const id = textField(body, field)
  if (id === undefined || isId(id)) return id
  throw invalid(field)
}

export function requiredId(body: Body, field: string): string {
  const id = idField(body, field)
  if (id === undefined) throw invalid(field)
  return id
}

export function booleanField(body: Body, field: string): boolean | undefined {
  const value = body[field]
  if (value === undefined || typeof value === 'boolean') return value
  throw invalid(field)
}

/** An input: text, or parts of the kinds that a browser may send. */
export function inputField(body: Body, { allow }: ResolvedOptions, owner: string): BrowserInput {
  const { input } = body
  if (typeof input === 'string') return input
  if (!Array.isArray(input)) throw new Refusal('invalid-input', { field: 'input' })
  return input.map((part: unknown): InputPart => {
    const { type, text, mediaType, url, ...rest } = asRecord(part, 'input')
    if (Object.keys(rest).length > 0) throw new Refusal('invalid-input', { field: 'input' })
    if (type === 'text' && typeof text === 'string') return { type, text }
    if (type !== 'file' || typeof mediaType !== 'string' || typeof url !== 'string') {
      throw new Refusal('invalid-input', { field: 'input' })
    }
    if (!FILE_URL.test(url)) throw new Refusal('invalid-url', { field: 'input' })
    const isListed = (list: readonly string[]) => list.includes(mediaType)
    if (!isPermitted(allow.files, { mediaType, url }, isListed, owner)) {
      throw new Refusal('invalid-option', { field: 'input' })
    }
    return { type, mediaType, url }
  })
}

/**
 * The choices in a body that the host allows.
 *
 * @param nullable - true where `null` removes a choice
 * @throws `invalid-option` with the field
 */
export function choicesIn(
  body: Body,
  { allow }: ResolvedOptions,
  owner: string,
  nullable = false,
): Choices {
  const choices: Record<string, unknown> = {}
  for (const field of CHOICES) {
    const value = body[field]
    if (value === undefined) continue
    const isNull = value === null && nullable
    const names = isNull ? [] : namesIn(field, value)
    const isListed = (list: readonly string[]) => names.every((each) => list.includes(each))
    const isFree = isNull && allow[field] !== false
    if (!isFree && !isPermitted(allow[field], value, isListed, owner)) {
      throw new Refusal('invalid-option', { field })
    }
    choices[field] = value
  }
  return choices
}

/** What a list of the host may hold: the value itself, or the names in it. */
function namesIn(field: Choice, value: unknown): readonly string[] {
  if (field === 'tools' && Array.isArray(value)) {
    if (value.every((each) => typeof each === 'string')) return value
    throw invalid(field)
  }
  if (field === 'settings' || field === 'tools' || field === 'metadata') {
    return Object.keys(asRecord(value, field))
  }
  if (typeof value === 'string') return [value]
  throw invalid(field)
}

/** The choices of a conversation, which keeps the names of tools and no definitions. */
export function lastingChoices({ tools, ...choices }: Choices): LastingChoices {
  if (tools === undefined) return choices
  if (tools !== null && !Array.isArray(tools)) throw invalid('tools')
  return { ...choices, tools: tools as readonly string[] }
}

function isPermitted(
  permission: Permission<never>,
  value: unknown,
  isListed: (list: readonly string[]) => boolean,
  owner: string,
): boolean {
  if (typeof permission === 'boolean') return permission
  if (typeof permission !== 'function') return isListed(permission)
  return permission(value as never, owner)
}

function asRecord(value: unknown, field: string): Body {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body
  throw invalid(field)
}

export function invalid(field: string): Refusal {
  return new Refusal('body-invalid', { field })
}
