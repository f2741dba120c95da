/** Stands for the host's own sessions: the owner is the header `x-user`. */
import type { Identity } from 'colloquy/http'

export function signedIn(request: Request): Identity | undefined {
  const owner = request.headers.get('x-user')
  return owner === null ? undefined : { owner }
}
