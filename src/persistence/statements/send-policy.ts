/** Which policy counts for a send: that of the call, of the conversation, or of the engine. */
import { ColloquyError, turnRunning, turnWaiting } from '../../protocol/errors.ts'
import type { SendPolicy } from '../../protocol/turn.ts'
import type { Placement } from '../ports/placement.ts'
import type { ConversationRow } from '../schema/schema.ts'
import { queueHeld } from './accepting.ts'
import { storedPolicy } from './turn-row.ts'

/** What a turn would come behind. */
interface Behind {
  readonly isAtHead: boolean
  readonly hasQueue: boolean
  /** The turn that waits for an answer to its calls. */
  readonly waiting: string | null
}

interface Refused {
  readonly refusal: ColloquyError
}

/**
 * What becomes of a turn: it is queued by this policy, or starts if there is none.
 *
 * @param isAtHead - true if its input follows the head. Only the head can be followed later: another
 *   turn is not queued behind others, but it may replace them.
 */
export function policyBehind(
  placement: Placement,
  conversation: ConversationRow,
  { isAtHead, hasQueue, waiting }: Behind,
): { readonly policy: Exclude<SendPolicy, 'reject'> | undefined } | Refused {
  const { named, isBusy } = placement
  const inherited = storedPolicy(conversation.send_policy) ?? placement.byDefault
  const mayWait = isAtHead && placement.isBeside !== true
  const wanted = named ?? inherited
  if (!mayWait && named !== undefined && waits(named)) return { refusal: besideHead(named) }
  if (!isBusy && !hasQueue && waiting === null) return { policy: undefined }
  const policy = !mayWait && waits(wanted) ? 'reject' : wanted
  if (policy === 'reject') {
    if (waiting !== null) return { refusal: turnWaiting(waiting) }
    return { refusal: isBusy ? turnRunning() : queueHeld() }
  }
  return { policy }
}

function waits(policy: SendPolicy): boolean {
  return policy !== 'reject' && policy !== 'replace'
}

function besideHead(policy: SendPolicy): ColloquyError {
  return new ColloquyError(
    'invalid-option',
    `send: sendPolicy ${JSON.stringify(policy)} goes with the head of the conversation only, and parentId names another message. Leave one of them out.`,
  )
}
