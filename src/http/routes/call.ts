/**
 * A request that passed all checks: who sends it, where it goes, and what it says.
 *
 * Routes are functions from a call to an answer.
 */
import type { Engine, OwnerView } from '../../index.ts'
import type { Body } from '../requests/fields.ts'
import type { Hub } from '../streams/hub.ts'
import type { Answer, Incoming } from '../requests/incoming.ts'
import type { Action } from '../options/handler-options.ts'
import type { ResolvedOptions } from '../options/resolved-options.ts'
import type { TurnCounts } from './turn-counts.ts'

export interface Call {
  readonly incoming: Incoming
  readonly engine: Engine
  readonly options: ResolvedOptions
  readonly hub: Hub
  readonly turns: TurnCounts
  readonly owner: string
  readonly isAdmin: boolean
  readonly view: OwnerView
  readonly body: Body
  readonly query: URLSearchParams
  /** The conversation of the path. */
  readonly conversationId: string
  /** The ids of the path by name. */
  readonly params: Readonly<Record<string, string>>
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** Segments that begin with a colon are ids. `:id` is the conversation. */
  readonly path: string
  readonly action: Action
  /** The fields that a body may have. */
  readonly fields?: readonly string[]
  /** The route opens a stream, so it is refused to pages of other sites. */
  readonly isStream?: true
  /** The route begins a turn. */
  readonly startsTurn?: true
  serve(call: Call): Promise<Answer> | Answer
}

export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  }
}

export const nothing = (): Answer => ({ status: 204, headers: {}, body: undefined })
