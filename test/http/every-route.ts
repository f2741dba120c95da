/**
 * All routes of the handler, each with a request that it accepts.
 *
 * The tests of authorization walk through `ROUTES`: a route that is missing here fails them.
 */
import { ROUTES } from '../../src/http/routes.ts'

export interface RouteIds {
  readonly conversation: string
  readonly message: string
  readonly turn: string
  readonly call?: string
}

export interface RouteRequest {
  readonly route: string
  readonly method: string
  readonly path: string
  readonly json?: unknown
}

const BODIES: Readonly<Record<string, (ids: RouteIds) => unknown>> = {
  'GET /conversations': () => undefined,
  'POST /conversations': () => ({}),
  'GET /conversations/:id': () => undefined,
  'PATCH /conversations/:id': () => ({ title: 'Stories' }),
  'DELETE /conversations/:id': () => ({}),
  'POST /conversations/:id/fork': ({ message }) => ({ messageId: message }),
  'POST /conversations/:id/branches/switch': ({ message }) => ({ messageId: message }),
  'GET /conversations/:id/messages': () => undefined,
  'POST /conversations/:id/messages': () => ({ input: 'hi' }),
  'POST /conversations/:id/retry': () => ({}),
  'POST /conversations/:id/messages/:messageId/edit': () => ({ input: 'ho' }),
  'POST /conversations/:id/messages/:messageId/regenerate': () => ({}),
  'GET /conversations/:id/messages/:messageId/branches': () => undefined,
  'POST /conversations/:id/stop': () => ({}),
  'GET /conversations/:id/queue': () => undefined,
  'DELETE /conversations/:id/queue/:turnId': () => ({}),
  'POST /conversations/:id/queue/resume': () => ({}),
  'GET /conversations/:id/turns/:turnId': () => undefined,
  'POST /conversations/:id/calls/:callId': () => ({ approved: true }),
  'GET /conversations/:id/events': () => undefined,
  'GET /events': () => undefined,
  'GET /models': () => undefined,
  'GET /settings': () => undefined,
  'PUT /settings': () => ({}),
}

/** @throws if the handler has a route that is not in the table, or the other way round */
export function everyRoute(ids: RouteIds): readonly RouteRequest[] {
  const names = ROUTES.map(({ method, path }) => `${method} ${path}`)
  const unknown = [
    ...names.filter((name) => BODIES[name] === undefined),
    ...Object.keys(BODIES).filter((name) => !names.includes(name)),
  ]
  if (unknown.length > 0) throw new Error(`Not in both tables: ${unknown.join(', ')}`)
  return ROUTES.map(({ method, path }) => {
    const route = `${method} ${path}`
    const json = BODIES[route]?.(ids)
    return {
      route,
      method,
      path: path
        .replace(':id', ids.conversation)
        .replace(':messageId', ids.message)
        .replace(':turnId', ids.turn)
        .replace(':callId', ids.call ?? 'no-such-call'),
      ...(json !== undefined && { json }),
    }
  })
}
