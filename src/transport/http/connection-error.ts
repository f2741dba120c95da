/**
 * Turns the error of a connection into an error record. Its message tells the host what to do.
 * Knows nothing of answers with an error status: `http-error.ts` handles these.
 */
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { ProviderTarget } from '../provider-target.ts'
import { AddressRefused } from './address-guard.ts'
import { ConnectionUnwanted } from './demand.ts'

const UNREACHED = /^(ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOST|ENET|EPIPE|UND_ERR_(SOCKET|CONNECT))/
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/

/** The record for a connection that failed before the headers of the answer. */
export function connectionFailed(
  error: unknown,
  target: ProviderTarget,
  url: URL,
  isProxied: boolean,
): ErrorRecord {
  const code = codeOf(error)
  const endpoint = `endpoint "${target.endpoint}"`
  if (isRefused(error)) {
    return {
      code: 'address-refused',
      message:
        `${url.origin} (${endpoint}) has no public address, and addressPolicy of createEngine allows no other. ` +
        'If it is yours, mark the endpoint with local: true.',
    }
  }
  if (error instanceof ConnectionUnwanted) {
    return {
      code: 'airplane-mode',
      message: `Airplane mode is on: no connection is made for ${endpoint}.`,
    }
  }
  if (isProxied && UNREACHED.test(code)) {
    return failed(
      `The connection to ${url.origin} (${endpoint}) through the proxy failed (${code}): check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment.`,
    )
  }
  if (code === 'ECONNREFUSED') {
    return failed(
      `Nothing listens at ${url.origin} (${endpoint}): start the server there, or correct the url.`,
    )
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return failed(
      `The host ${url.hostname} of ${endpoint} was not found: check the url and the network.`,
    )
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return failed(`${url.origin} (${endpoint}) does not answer: check the url and the network.`)
  }
  if (CERTIFICATE.test(code)) {
    return failed(`The certificate of ${url.origin} (${endpoint}) is not trusted: ${code}.`)
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return failed(
      `${url.origin} (${endpoint}) does not speak TLS: should the url begin with http:?`,
    )
  }
  if (messageOf(error).startsWith('Proxy ')) {
    return failed(
      `The proxy refused the connection to ${url.origin} (${endpoint}): ${messageOf(error)}.`,
    )
  }
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return {
      code: 'invalid-option',
      message: `The request to ${endpoint} cannot be sent: ${messageOf(error)}. Check its headers.`,
    }
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return {
      code: 'invalid-response',
      message: `${url.origin} (${endpoint}) answered with more headers than can be right.`,
    }
  }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return {
      code: 'invalid-response',
      message: `${url.origin} (${endpoint}) answered with a body of another length than it says.`,
    }
  }
  if (code.startsWith('HPE_') || nameOf(error) === 'HTTPParserError') {
    return {
      code: 'invalid-response',
      message: `${url.origin} (${endpoint}) does not answer in HTTP/1.1: check the url.`,
    }
  }
  if (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE') {
    return failed(`${url.origin} (${endpoint}) closed the connection without an answer.`)
  }
  const detail = code === '' ? messageOf(error) : code
  return failed(`The connection to ${url.origin} (${endpoint}) failed: ${detail}.`)
}

function failed(message: string): ErrorRecord {
  return { code: 'connection-failed', message }
}

/** The record for a connection that broke in the middle of the answer. */
export function connectionLost(error: unknown, target: ProviderTarget): ErrorRecord {
  const code = codeOf(error)
  return {
    code: 'connection-lost',
    message:
      `The connection to endpoint "${target.endpoint}" broke before the reply was complete` +
      (code === '' ? '.' : ` (${code}).`),
  }
}

/**
 * The code from the system or from undici. It is taken from the error, from its cause, or from the
 * first of several connection attempts.
 */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return codeOf(error.cause)
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && (error instanceof AddressRefused || isRefused(error.cause))
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
