/**
 * The secrets of endpoints: as plain text in memory, and sealed in the database if the host gave an
 * encryption key.
 *
 * Each secret is sealed for one endpoint and one origin. So a database that was tampered with
 * cannot move it to another. The row remembers which secrets there were: one that cannot be read
 * after a restart is lost, and never forgotten in silence. Knows nothing of the requests that use
 * the secrets.
 */
import type { SettingStore } from '../../persistence/ports/setting-store.ts'
import type {
  StoredEndpoint,
  StoredEndpointOptions,
} from '../../persistence/ports/endpoint-store.ts'
import type { Logger } from '../../protocol/logger.ts'
import { secretName, splitSecretQuery } from '../../transport/http/secret-query.ts'
import type { KeySource } from '../../transport/provider-target.ts'
import type { SecretOptions } from '../options/options.ts'
import { type OpenedKey, openEncryptionKey } from './encryption-key.ts'
import type { SecretBox } from './secret-box.ts'
import { originOf } from './stored-endpoint.ts'

interface Secrets {
  readonly apiKey?: string | undefined
  /** A function that returns keys, in place of `apiKey`. */
  readonly keySource?: KeySource | undefined
  readonly headers: Readonly<Record<string, string>>
  /** The secrets of the url's query, as `name=value`. */
  readonly query: readonly string[]
}

/** Secrets that the endpoint had, and that this engine cannot read. At least one is named. */
export interface LostSecrets {
  /**
   * - `sealed`: they are sealed with an encryption key that this engine was not given.
   * - `function`: the key came from a function of an earlier engine.
   * - `memory`: an earlier engine held them in memory only.
   */
  readonly reason: 'sealed' | 'function' | 'memory'
  readonly apiKey: boolean
  /** Names of headers. */
  readonly headers: readonly string[]
  /** Names in the url's query. */
  readonly query: readonly string[]
}

export interface HeldSecrets {
  readonly known: Secrets
  readonly lost?: LostSecrets | undefined
}

/** The secrets that a host hands in. An absent one stays as it is; `null` removes it. */
export interface GivenSecrets {
  readonly apiKey?: string | KeySource | null | undefined
  readonly headers?: Readonly<Record<string, string>> | null | undefined
  readonly query?: readonly string[] | undefined
}

export const NO_SECRETS: HeldSecrets = { known: { headers: {}, query: [] } }

/**
 * Returns the secrets after `given` was put. A new key takes the place of lost headers too: hosts
 * put both in one call.
 */
export function changedSecrets({ known, lost }: HeldSecrets, given: GivenSecrets): HeldSecrets {
  const { apiKey, headers, query } = given
  const secrets: Secrets = {
    ...(apiKey === undefined
      ? { apiKey: known.apiKey, keySource: known.keySource }
      : newKey(apiKey)),
    headers: headers === undefined ? known.headers : (headers ?? {}),
    query: query ?? known.query,
  }
  if (lost === undefined) return { known: secrets }
  const hasNewKey = apiKey !== undefined && apiKey !== null
  return held(secrets, {
    reason: lost.reason,
    apiKey: lost.apiKey && apiKey === undefined,
    headers: headers === undefined && !hasNewKey ? lost.headers : [],
    query: query === undefined ? lost.query : [],
  })
}

function held(known: Secrets, lost: LostSecrets): HeldSecrets {
  const isNone = !lost.apiKey && lost.headers.length === 0 && lost.query.length === 0
  return isNone ? { known } : { known, lost }
}

function newKey(given: string | KeySource | null): Pick<Secrets, 'apiKey' | 'keySource'> {
  return typeof given === 'function' ? { keySource: given } : { apiKey: given ?? undefined }
}

/** The names of the secrets, for the row: they outlast a restart. */
export function rememberedSecrets({
  known,
  lost,
}: HeldSecrets): Pick<StoredEndpoint, 'headerNames'> &
  Pick<StoredEndpointOptions, 'hasKey' | 'hasKeySource' | 'secretQuery'> {
  const isLostSource = lost?.reason === 'function' && lost.apiKey
  const hasKeySource = known.keySource !== undefined || isLostSource
  const hasKey = known.apiKey !== undefined || (lost?.apiKey === true && !isLostSource)
  const secretQuery = [...known.query.map(secretName), ...(lost?.query ?? [])]
  const headerNames = [...Object.keys(known.headers), ...(lost?.headers ?? [])]
  return {
    headerNames,
    ...((hasKey || headerNames.length > 0 || secretQuery.length > 0) && { hasKey }),
    ...(hasKeySource && { hasKeySource }),
    ...(secretQuery.length > 0 && { secretQuery }),
  }
}

export class EndpointSecrets {
  readonly #key: OpenedKey | undefined

  private constructor(key: OpenedKey | undefined) {
    this.#key = key
  }

  /** For engines that only read. */
  static withoutKey(): EndpointSecrets {
    return new EndpointSecrets(undefined)
  }

  static async open(
    store: SettingStore,
    { encryptionKey }: SecretOptions,
    endpoints: readonly StoredEndpoint[],
    logger: Logger,
  ): Promise<EndpointSecrets> {
    if (encryptionKey === undefined) return EndpointSecrets.withoutKey()
    const sealed = endpoints.filter(({ sealedSecrets }) => sealedSecrets !== undefined)
    const opens = (box: SecretBox) =>
      sealed.length === 0 ? undefined : sealed.some((stored) => opened(box, stored) !== undefined)
    const key = await openEncryptionKey(store, encryptionKey, opens)
    if (key.isWrong) {
      logger.warn(
        { code: 'key-unreadable', endpoints: sealed.map(({ name }) => name) },
        'The keys in the database were encrypted with another secrets.encryptionKey. They cannot be used or replaced until the engine is created with that one.',
      )
    }
    return new EndpointSecrets(key)
  }

  /** Returns true if secrets of the database are sealed with another encryption key. */
  get isWrongKey(): boolean {
    return this.#key?.isWrong === true
  }

  /**
   * Returns `undefined` if there is no secret, or no encryption key to seal it with. In the second
   * case the secret is held in memory only.
   */
  seal({ apiKey, headers, query }: Secrets, name: string, url: string): string | undefined {
    if (apiKey === undefined && Object.keys(headers).length === 0 && query.length === 0) {
      return undefined
    }
    const secrets = { apiKey, headers, ...(query.length > 0 && { query }) }
    return this.#key?.box.seal(JSON.stringify(secrets), purpose(name, url))
  }

  /** Seals a text that is no secret of an endpoint. */
  sealText(text: string, usedFor: string): string | undefined {
    return this.isWrongKey ? undefined : this.#key?.box.seal(text, usedFor)
  }

  openText(sealed: string, usedFor: string): string | undefined {
    return this.#key?.box.open(sealed, usedFor)
  }

  unseal(stored: StoredEndpoint): HeldSecrets {
    const { sealedSecrets, headerNames, options } = stored
    const found = this.#key && opened(this.#key.box, stored)
    // A url that an older version stored may still have its secrets.
    const inUrl = splitSecretQuery(stored.url).secrets
    const known: Secrets = {
      apiKey: found?.apiKey,
      headers: found?.headers ?? {},
      query: inUrl.length > 0 ? inUrl : (found?.query ?? []),
    }
    const isSealed = sealedSecrets !== undefined && found === undefined
    const isSource = options?.hasKeySource === true
    // An older version did not store whether there was a key beside the headers.
    const hadKey = options?.hasKey ?? isSealed
    const knownNames = known.query.map(secretName)
    return held(known, {
      reason: isSealed ? 'sealed' : isSource ? 'function' : 'memory',
      apiKey: isSource || (hadKey && known.apiKey === undefined),
      headers: headerNames.filter((name) => !Object.hasOwn(known.headers, name)),
      query: (options?.secretQuery ?? []).filter((name) => !knownNames.includes(name)),
    })
  }
}

/** Returns `undefined` if there are no sealed secrets, or another key sealed them. */
function opened(box: SecretBox, { name, url, sealedSecrets }: StoredEndpoint) {
  if (sealedSecrets === undefined) return undefined
  const text = box.open(sealedSecrets, purpose(name, url))
  if (text === undefined) return undefined
  // Written by `seal`: nobody else has the key.
  return JSON.parse(text) as Partial<Pick<Secrets, 'apiKey' | 'headers' | 'query'>>
}

function purpose(name: string, url: string): string {
  return JSON.stringify([name, originOf(url)])
}
