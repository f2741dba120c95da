/**
 * Writes the reasoning of a stored reply as fields of its message, for the model that thought it.
 *
 * Plain reasoning goes back in the field in which it came, and only with the calls it led to: some
 * servers demand it there, and refuse it elsewhere. Signed and encrypted reasoning goes back with
 * every reply. `quirks.sendReasoning` decides instead if the host set it. Knows nothing of answers.
 */
import type { ReasoningPart } from '../../../protocol/message.ts'
import type { ReplyRequest } from '../../reply-request.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { madeBy } from '../history/call-mark.ts'
import type { AssistantMessage } from '../history/sendable-message.ts'
import { providerFingerprint } from '../provider-fingerprint.ts'
import { CONTENT_FIELD, DETAIL_LISTS, OPAQUE_TEXTS, REASONING_TEXTS } from './reasoning.ts'

/** A list that has nothing but one plain text. */
const PLAIN_LISTS: Readonly<Record<string, (text: string) => object>> = {
  reasoning_details: (text) => ({ reasoning_details: [{ type: 'reasoning.text', text }] }),
  thinking_blocks: (thinking) => ({ thinking_blocks: [{ type: 'thinking', thinking }] }),
}

/** @param said - the text of the message */
export function sentReasoning(
  { parts, reasoningField }: AssistantMessage,
  said: string,
  request: ReplyRequest,
): object {
  const thoughts = parts.filter((part) => part.type === 'reasoning')
  const { sendReasoning } = request.target.quirks ?? {}
  if (thoughts.length === 0 || sendReasoning === 'never') return {}
  const thought = thoughts
    .map(({ text }) => text)
    .join('')
    .toWellFormed()
  const details = detailsOf(thoughts, request)
  const field = sendReasoning ?? reasoningField
  if (thought === '' || field === undefined) return details
  if (REASONING_TEXTS.has(field)) return { [field]: thought, ...details }
  // Without a signature, the list came with nothing but the text.
  if (DETAIL_LISTS.has(field)) return { ...PLAIN_LISTS[field]?.(thought), ...details }
  if (field !== CONTENT_FIELD) return details
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: thought }] }
  return { content: said === '' ? [thinking] : [thinking, { type: 'text', text: said }] }
}

/** The lists of details in the reasoning that the asked provider and model made. */
function detailsOf(thoughts: readonly ReasoningPart[], request: ReplyRequest): object {
  let maker: string | undefined
  const lists: Record<string, unknown[]> = {}
  const fields: Record<string, unknown> = {}
  // Details may come later than their text, even after the calls.
  let text = ''
  for (const { text: added, providerData } of thoughts) {
    text += added
    const data = madeBy(providerData, () => (maker ??= providerFingerprint(request)))
    if (data === undefined) continue
    for (const [list, textFields] of DETAIL_LISTS) {
      const details = data[list]
      if (!Array.isArray(details)) continue
      ;(lists[list] ??= []).push(...withText(details.filter(isObject), text, textFields))
      if (details.some((detail) => isObject(detail) && hasField(detail, textFields))) text = ''
    }
    for (const field of OPAQUE_TEXTS) if (nonEmpty(data[field])) fields[field] = data[field]
  }
  return { ...lists, ...fields }
}

/** Puts the text into the first detail that has one. The others go as they came. */
function withText(
  details: readonly WireObject[],
  text: string,
  textFields: readonly string[],
): readonly WireObject[] {
  const at = details.findIndex((detail) => hasField(detail, textFields))
  if (at === -1 || !text.isWellFormed()) return details
  return details.map((detail, index) => {
    const field = textFields.find((each) => each in detail)
    if (field === undefined) return detail
    return { ...detail, [field]: index === at ? text : '' }
  })
}

function hasField(detail: WireObject, fields: readonly string[]): boolean {
  return fields.some((field) => field in detail)
}
