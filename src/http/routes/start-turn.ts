/**
 * What all routes that begin a turn have in common: the key, the host's `beforeSend`, and the answer,
 * whole or as a stream.
 *
 * Knows nothing of single routes.
 */
import type { InputPart, Turn, TurnOptions } from '../../index.ts'
import { type Call, json } from './call.ts'
import type { Answer } from '../requests/incoming.ts'
import type { BrowserInput } from '../options/handler-options.ts'
import { Refusal } from '../refusals/refusal.ts'
import { STREAM_HEADERS } from '../streams/sse.ts'
import { acceptedView } from '../views/views.ts'

const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?$/

type Begin = (input: string | readonly InputPart[], options: TurnOptions) => Promise<Turn>

/**
 * Begins a turn, and answers once its input is on disk.
 *
 * @param begin - makes the call of the engine
 */
export async function startTurn(
  call: Call,
  input: BrowserInput | undefined,
  begin: Begin,
): Promise<Answer> {
  const { owner, conversationId, view, hub } = call
  // The place of a stream is taken before the turn begins: a refusal must not have changed anything.
  const leavePlace = wantsStream(call) ? hub.takePlace(owner) : undefined
  try {
    const turn = await begun(call, input, begin)
    if (turn instanceof Response) {
      leavePlace?.()
      return { response: turn, headers: {} }
    }
    const headers = turn.isRepeat ? { 'idempotency-replayed': 'true' } : {}
    if (leavePlace === undefined) return json(202, acceptedView(turn), headers)
    const reader = hub.open({ owner, view, conversationId, turnId: turn.id }, leavePlace)
    return { status: 200, headers: { ...STREAM_HEADERS, ...headers }, reader }
  } catch (error) {
    leavePlace?.()
    throw error
  }
}

/** @returns the turn, or the answer of a host that refuses the input */
async function begun(
  { incoming, options, owner, conversationId, turns, view }: Call,
  input: BrowserInput | undefined,
  begin: Begin,
): Promise<Turn | Response> {
  const idempotencyKey = keyOf(incoming.header('idempotency-key'))
  let sent = input ?? ''
  if (input !== undefined && options.beforeSend !== undefined) {
    const result = await options.beforeSend(input, { owner, conversationId })
    if (result instanceof Response) return result
    sent = result
  }
  return turns.during(view, () => begin(sent, { idempotencyKey }))
}

function wantsStream({ incoming }: Call): boolean {
  return incoming.header('accept')?.includes('text/event-stream') === true
}

/** @throws `invalid-option` */
function keyOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header
  if (KEY.test(key)) return key
  throw new Refusal('invalid-option', { field: 'idempotency-key' })
}
