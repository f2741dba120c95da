/**
 * Compares the observation of a row with its expectation, and with the rules for all rows. Knows
 * nothing of how a row is played.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Expected, QUESTION } from './fault.ts'
import type { Observation } from './observation.ts'

/** Every difference, in one line each. */
export function complaints(expected: Expected, observed: Observation): readonly string[] {
  return [...unexpected(expected, observed), ...broken(observed)]
}

function unexpected(expected: Expected, observed: Observation): readonly string[] {
  const { error, stored, receipt } = observed
  const wrong: string[] = []
  const compare = (what: string, wanted: unknown, found: unknown): void => {
    if (!matches(wanted, found)) wrong.push(`${what}: ${show(found)} instead of ${show(wanted)}`)
  }
  const { outcome } = expected
  compare('outcome', outcome, observed.outcome)
  compare('code', outcome === 'cancelled' ? 'cancelled' : expected.code, error?.code)
  compare('status', expected.status, error?.status)
  compare('providerCode', expected.providerCode, error?.providerCode)
  compare('retryAfterMs', expected.retryAfterMs, error?.retryAfterMs)
  if (expected.says !== undefined) compare('message', expected.says, error?.message ?? '')
  compare('text', expected.text ?? '', stored?.text ?? '')
  compare('reasoning', expected.reasoning ?? '', joined(observed, 'reasoning'))
  compare('tool calls', expected.toolCalls ?? [], toolCallsOf(observed))
  compare('finish reason', expected.finishReason, stored?.finishReason)
  compare('input tokens', expected.inputTokens, stored?.usage?.inputTokens)
  compare('output tokens', expected.outputTokens, stored?.usage?.outputTokens)
  compare('requests', expected.requests ?? 1, observed.requests)
  if (expected.receipt === undefined) compare('receipt', undefined, receipt)
  for (const [name, value] of Object.entries(expected.receipt ?? {})) {
    compare(`receipt.${name}`, value, receipt?.[name as keyof typeof receipt])
  }
  return wrong
}

/** The rules for every row, for any fault of the upstream. */
function broken(observed: Observation): readonly string[] {
  const { outcome, stored, streamed, partial, turn } = observed
  const status = outcome === 'done' ? 'complete' : outcome
  const rules: Readonly<Record<string, boolean>> = {
    'the turn ends': outcome !== 'hung',
    'the stored turn has the same outcome': turn?.status === outcome,
    'the stored turn has the same error': isDeepStrictEqual(
      outcome === 'failed' ? turn?.error : undefined,
      outcome === 'failed' ? observed.error : undefined,
    ),
    'the stored reply has the same outcome': stored === undefined || stored.status === status,
    'a reply that is done is stored': outcome !== 'done' || stored !== undefined,
    'the stored reply equals the streamed one': same(stored?.parts ?? [], streamed ?? []),
    'the deltas make the stored text': (stored?.text ?? '') === observed.added,
    'the error carries the stored reply':
      outcome === 'done' || same(partial ?? [], stored?.parts ?? []),
    'one event ends the turn': isDeepStrictEqual(observed.ends, [`turn.${outcome}`]),
    'no event follows the end': observed.endsLast,
    'the question is in the store, as it was': isDeepStrictEqual(observed.inputs, [QUESTION]),
    'no socket is left open': observed.socketsLeft === 0,
    'nobody else is asked': observed.otherSockets === 0,
    'the key is nowhere to be seen': !observed.keySeen,
    'the next request is served': observed.healthy === 'Still here',
    'the next request holds the question': observed.healthyAsked,
  }
  return Object.entries(rules).flatMap(([rule, holds]) => (holds ? [] : [`broken: ${rule}`]))
}

/** Returns true if both are equal. A field that is `undefined` counts as absent. */
function same(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(plain(one), plain(other))
}

function plain(value: unknown): unknown {
  return value === undefined ? value : JSON.parse(JSON.stringify(value))
}

function matches(wanted: unknown, found: unknown): boolean {
  if (wanted instanceof RegExp) return typeof found === 'string' && wanted.test(found)
  if (typeof found === 'number' && Array.isArray(wanted)) {
    const [least, most] = wanted as [number, number]
    return found >= least && found <= most
  }
  return isDeepStrictEqual(wanted, found)
}

function joined({ stored }: Observation, type: 'text' | 'reasoning'): string {
  return (stored?.parts ?? []).map((part) => (part.type === type ? part.text : '')).join('')
}

function toolCallsOf({ stored }: Observation): readonly object[] {
  return (stored?.parts ?? []).flatMap((part) =>
    part.type === 'tool-call' ? { name: part.toolName, inputText: part.inputText } : [],
  )
}

function show(value: unknown): string {
  return value instanceof RegExp ? String(value) : (JSON.stringify(value) ?? 'nothing')
}
