/**
 * The route that answers calls of tools.
 *
 * A browser says which call, and yes, no, or an output. Tool, turn and arguments are those of the row.
 * Knows nothing of HTTP servers.
 */
import type { DecisionOptions } from '../index.ts'
import { type Call, json, type Route } from './call.ts'
import { booleanField, invalid, textField } from './fields.ts'
import type { Answer } from './incoming.ts'
import { Refusal } from './public-errors.ts'
import { decisionView } from './views.ts'

export const callRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/conversations/:id/calls/:callId',
    action: 'tool',
    fields: ['approved', 'reason', 'input', 'output', 'error'],
    serve: answer,
  },
]

async function answer(call: Call): Promise<Answer> {
  const { view, conversationId, params, body } = call
  const callId = params['callId'] as string
  const wanted = wantedOf(call)
  const record = await view.getCall(callId)
  if (record?.conversationId !== conversationId) throw new Refusal('call-not-found')
  if ('approved' in wanted) {
    return json(200, decisionView(await view.decide(callId, wanted)))
  }
  // An unknown outcome after a crash is for the host's own code to tell.
  const isAwaited = record.state === 'waiting' && record.waitsFor === 'output'
  if (!isAwaited) throw new Refusal('tool-call-answered')
  const { error = '' } = body
  const outcome = 'output' in body ? { output: body['output'] } : { error: error as string }
  return json(200, decisionView(await view.supply(callId, outcome)))
}

/** @throws `body-invalid` unless the body is one decision or one outcome */
function wantedOf({ body, options, owner }: Call): DecisionOptions | { readonly outcome: true } {
  const approved = booleanField(body, 'approved')
  const reason = textField(body, 'reason')
  const error = textField(body, 'error')
  if (approved === undefined) {
    if (reason !== undefined) throw invalid('reason')
    if ('input' in body) throw invalid('input')
    if ('output' in body === (error !== undefined)) throw invalid('output')
    if (error === '') throw invalid('error')
    return { outcome: true }
  }
  if ('output' in body) throw invalid('output')
  if (error !== undefined) throw invalid('error')
  // Other arguments are a choice of tools, which the host leaves to browsers or not.
  if ('input' in body && options.allow.tools !== true) {
    throw new Refusal('invalid-option', { field: 'input' })
  }
  return {
    approved,
    by: owner,
    ...(reason !== undefined && { reason }),
    ...('input' in body && { input: body['input'] }),
  }
}
