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

/**
 * Begins a turn, and answers once its input is on disk.
 *
 * @param begin - makes the call of the engine
 */
export async function startTurn(
  call: Call,
  input: BrowserInput | undefined,
  begin: (input: string | readonly InputPart[], options: TurnOptions) => Promise<Turn>,
): Promise<Answer> {
  const { owner, conversationId, options, view } = call
  const idempotencyKey = keyOf(call.incoming.header('idempotency-key'))
  let sent = input ?? ''
  if (input !== undefined && options.beforeSend !== undefined) {
    const result = await options.beforeSend(input, { owner, conversationId })
    if (result instanceof Response) return { response: result, headers: {} }
    sent = result
  }
  const turn = await call.turns.during(view, () => begin(sent, { idempotencyKey }))
  return answer(call, turn, turn.isRepeat ? { 'idempotency-replayed': 'true' } : {})
}

function answer(call: Call, turn: Turn, headers: Readonly<Record<string, string>>): Answer {
  const { owner, view, conversationId } = call
  const wantsStream = call.incoming.header('accept')?.includes('text/event-stream') === true
  if (!wantsStream) return json(202, acceptedView(turn), headers)
  const reader = call.hub.open({ owner, view, conversationId, turnId: turn.id })
  return { status: 200, headers: { ...STREAM_HEADERS, ...headers }, reader }
}

/** @throws `invalid-option` */
function keyOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header
  if (KEY.test(key)) return key
  throw new Refusal('invalid-option', { field: 'idempotency-key' })
}
