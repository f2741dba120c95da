/**
 * Finds replies that would be empty although the model asked for something or sent something. Such
 * a reply must not pass for a model that had nothing to say. Knows nothing of the formats.
 */
import type { ProviderError } from '../provider-error.ts'
import type { ReplyDraft } from '../reply-draft.ts'

/**
 * Returns the reason why a complete reply cannot be used; `undefined` if it can.
 *
 * @param callFault - why the calls cannot be used, if they cannot
 * @param isAsking - true if the provider says that the model asked for tools
 * @param kind - the type of content that was not read, if there was any
 */
export function unreadFault(
  draft: ReplyDraft,
  callFault: string | undefined,
  isAsking: boolean,
  kind: string | undefined,
): ProviderError | undefined {
  if (callFault !== undefined) return { message: callFault, kinds: '' }
  if (draft.hasAnswer) return undefined
  if (kind !== undefined) {
    const message = `The reply holds nothing but content of the kind "${kind}", which cannot be read`
    return { message, kinds: '' }
  }
  if (!isAsking) return undefined
  return { message: 'The model asked for a tool, but no call of a tool came', kinds: '' }
}

/** No type of content is longer. */
const LONGEST_KIND = 100

/** Returns the type of an item or block as it may stand in an error. */
export function kindOf(type: unknown): string {
  return typeof type === 'string' ? type.slice(0, LONGEST_KIND) : 'unknown'
}
