/**
 * Requests to the server of the page: those of the client, and of routes that the client has no
 * method for.
 */
import { ClientError, createClient } from 'colloquy/client'
import { TEXTS } from './texts.ts'
import type { PageSetup } from '../setup.ts'

type Problem = ConstructorParameters<typeof ClientError>[0]

/**
 * A fetch that renews the session: a server that was started again gives another cookie, with the
 * document.
 */
export const sessionFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init)
  if (response.status !== 401) return response
  await response.body?.cancel()
  await fetch('/', { cache: 'no-store' })
  return fetch(input, init)
}

export const client = createClient({ fetch: sessionFetch })

/** @throws {@link ClientError} */
export async function ask<Value>(method: string, path: string, body?: object): Promise<Value> {
  const response = await sessionFetch(path, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(method !== 'GET' && { body: JSON.stringify(body ?? {}) }),
  }).catch(() => {
    throw new ClientError({ code: 'connection-failed', status: 0, detail: TEXTS.unreachable })
  })
  const { status } = response
  if (status === 204) return undefined as Value
  const value: unknown = await response.json().catch(() => undefined)
  if (response.ok) return value as Value
  const detail = TEXTS.status(status)
  throw new ClientError({ code: 'internal', detail, ...(value as Partial<Problem>), status })
}

/** Deletes a conversation, also while the page is being left. */
export function deleteAtLast(id: string): void {
  void fetch(`/api/conversations/${id}`, {
    method: 'DELETE',
    headers: { 'content-type': 'application/json' },
    body: '{}',
    keepalive: true,
  })
}

export interface Settings {
  readonly airplaneMode: boolean
}

export function readSettings(): Promise<Settings> {
  return ask('GET', '/api/settings')
}

export function setAirplaneMode(airplaneMode: boolean): Promise<Settings> {
  return ask('PUT', '/api/settings', { airplaneMode })
}

export function readSetup(): Promise<PageSetup> {
  return ask('GET', '/page/setup')
}
