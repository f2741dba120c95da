/**
 * The secrets in the query of a url: the values under names like `key` and `token`.
 *
 * Knows nothing of endpoints, and of how the secrets are kept.
 */

/** In lower case, without `-` and `_`. Each further name is one more line. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'key',
  'apikey',
  'token',
  'accesstoken',
  'sig',
  'signature',
  'code',
  'secret',
  'password',
])

interface SplitUrl {
  /** The url without its secrets. */
  readonly url: string
  /** The secrets as they stand in the query, as `name=value`. */
  readonly secrets: readonly string[]
  /** True if the query names a secret without a value. */
  readonly hasEmptySecret: boolean
}

/** @param given - an absolute url */
export function splitSecretQuery(given: string): SplitUrl {
  const url = new URL(given)
  const pairs = url.search.slice(1).split('&')
  const [secret, rest] = [pairs.filter(isSecret), pairs.filter((pair) => !isSecret(pair))]
  if (secret.length === 0) return { url: url.href, secrets: [], hasEmptySecret: false }
  url.search = rest.join('&')
  const secrets = secret.filter((pair) => valueOf(pair) !== '')
  return { url: url.href, secrets, hasEmptySecret: secrets.length < secret.length }
}

/** @param secrets - as `splitSecretQuery` returns them */
export function withSecretQuery(given: string, secrets: readonly string[]): string {
  if (secrets.length === 0) return given
  const url = new URL(given)
  url.search = [url.search.slice(1), ...secrets].filter((pair) => pair !== '').join('&')
  return url.href
}

/** The name of a secret, decoded. */
export function secretName(pair: string): string {
  return new URLSearchParams(pair).keys().next().value ?? ''
}

/** All values of secrets in a url, decoded and as they stand there. */
export function secretQueryValues(given: string): readonly string[] {
  if (!URL.canParse(given)) return []
  return splitSecretQuery(given).secrets.flatMap((pair) => [
    valueOf(pair),
    pair.slice(pair.indexOf('=') + 1),
  ])
}

function isSecret(pair: string): boolean {
  return SECRET_NAMES.has(secretName(pair).toLowerCase().replaceAll(/[-_]/g, ''))
}

function valueOf(pair: string): string {
  return new URLSearchParams(pair).values().next().value ?? ''
}
