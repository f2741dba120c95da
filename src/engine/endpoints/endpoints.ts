/**
 * The endpoints of an engine, with their secrets.
 *
 * A key is bound to the origin that it was given for. It is sealed for that origin, dropped when
 * the url moves to another origin, and never part of a record. Knows nothing of turns and requests.
 */
import type { EndpointStore, StoredEndpoint } from '../../persistence/ports/endpoint-store.ts'
import type { SettingStore } from '../../persistence/ports/setting-store.ts'
import type { EndpointRecord, FallbackRecord, Quirks } from '../../protocol/endpoint.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { SecretHolder } from '../../transport/redaction.ts'
import type { Logger } from '../../protocol/logger.ts'
import { quoted } from '../../protocol/quoted.ts'
import { splitSecretQuery, withSecretQuery } from '../../transport/http/secret-query.ts'
import type { KeySource } from '../../transport/provider-target.ts'
import type { EndpointOptions } from '../api/endpoint-options.ts'
import { checked, text } from '../options/check.ts'
import type { SecretOptions } from '../options/options.ts'
import { type CheckedEndpoint, checkedEndpoint } from './endpoint-options.ts'
import {
  changedSecrets,
  EndpointSecrets,
  type GivenSecrets,
  type HeldSecrets,
  NO_SECRETS,
  rememberedSecrets,
} from './endpoint-secrets.ts'
import { assertReadable, keyUnreadable } from './key-unreadable.ts'
import { byName, type OpenedEndpoint, readEndpoints, recordOf } from './endpoint-records.ts'
import { brokenEndpoint, originOf } from './stored-endpoint.ts'

/** An endpoint with its secrets, ready for use. It stays inside the engine. */
export interface UsableEndpoint {
  readonly name: string
  /** With the secrets of its query. */
  readonly url: string
  readonly apiKey?: string | undefined
  readonly keySource?: KeySource | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly dialect: StoredEndpoint['dialect']
  readonly model?: string | undefined
  readonly local: boolean
  readonly fallbacks?: readonly FallbackRecord[] | undefined
  readonly maxConcurrent?: number | undefined
  readonly quirks?: Quirks | undefined
}

export class Endpoints {
  readonly #store: EndpointStore
  readonly #secrets: EndpointSecrets
  readonly #logger: Logger
  readonly #entries = new Map<string, OpenedEndpoint>()
  /** The names of endpoints whose rows cannot be read. */
  readonly #broken: Set<string>
  /**
   * Settles with the last put or deletion. The next one waits for it, since a put may keep secrets
   * of the last.
   */
  #lastPut: Promise<unknown> = Promise.resolve()

  private constructor(
    store: EndpointStore,
    secrets: EndpointSecrets,
    logger: Logger,
    broken: Set<string>,
  ) {
    this.#store = store
    this.#secrets = secrets
    this.#logger = logger
    this.#broken = broken
  }

  static async open(
    store: EndpointStore & SettingStore,
    options: SecretOptions,
    logger: Logger,
  ): Promise<Endpoints> {
    const { endpoints: listed, broken } = await readEndpoints(store)
    for (const name of broken) {
      const { code, message } = brokenEndpoint(name)
      logger.warn({ code, endpoint: name }, message)
    }
    const secrets = await EndpointSecrets.open(store, options, listed, logger)
    const endpoints = new Endpoints(store, secrets, logger, broken)
    for (const stored of listed) {
      const { url } = splitSecretQuery(stored.url)
      const entry = { stored: { ...stored, url }, secrets: secrets.unseal(stored) }
      endpoints.#entries.set(stored.name, entry)
    }
    return endpoints
  }

  /** @throws `invalid-option`, `invalid-url`, `credentials-in-url`, `key-unreadable` */
  async put(name: string, options: EndpointOptions): Promise<EndpointRecord> {
    const given = checkedEndpoint(name, options)
    const put = this.#lastPut.then(() => this.#put(name, given))
    this.#lastPut = put.catch(() => {})
    return put
  }

  async #put(name: string, given: CheckedEndpoint): Promise<EndpointRecord> {
    const query = splitSecretQuery(given.url.href)
    const hasQuery = query.secrets.length > 0 || query.hasEmptySecret
    const { apiKey, headers } = given
    const change: GivenSecrets = { apiKey, headers, query: hasQuery ? query.secrets : undefined }
    this.#assertSealable(name, change)
    const { secrets, sealedSecrets } = this.#secretsAfter(name, query.url, change)
    const { headerNames, ...remembered } = rememberedSecrets(secrets)
    const { dialect, model, local, fallbacks, maxConcurrent, quirks } = given
    const stored: StoredEndpoint = {
      name,
      url: query.url,
      dialect,
      model,
      local,
      headerNames,
      sealedSecrets,
      fallbacks: fallbacks.length > 0 ? fallbacks : undefined,
      options: setOptions({ maxConcurrent, quirks, ...remembered }),
    }
    await this.#store.putEndpoint(stored)
    this.#entries.set(name, { stored, secrets })
    this.#broken.delete(name)
    return recordOf({ stored, secrets })
  }

  /**
   * Deletes an endpoint with its secrets. Turns that are bound to it end by themselves.
   *
   * @throws `invalid-option`, `endpoint-not-found`
   */
  async delete(name: string): Promise<void> {
    checked(text, name, 'deleteEndpoint: name')
    const deletion = this.#lastPut.then(async () => {
      // The row decides: there may be one that could not be read.
      const isDeleted = await this.#store.deleteEndpoint(name)
      this.#entries.delete(name)
      this.#broken.delete(name)
      if (!isDeleted) throw endpointNotFound(name)
    })
    this.#lastPut = deletion.catch(() => {})
    return deletion
  }

  /** The secrets of all endpoints, to be struck out of texts. Those that cannot be read are unknown. */
  secrets(): readonly SecretHolder[] {
    return [...this.#entries.keys()].flatMap((name) => {
      try {
        return this.use(name)
      } catch {
        return []
      }
    })
  }

  /** All endpoints whose row can be read, by name. */
  list(): readonly EndpointRecord[] {
    return byName(Array.from(this.#entries.values(), (entry) => recordOf(entry)))
  }

  /** @throws `database-failed` if its row cannot be read */
  get(name: string): EndpointRecord | undefined {
    const entry = this.#entry(name)
    return entry === undefined ? undefined : recordOf(entry)
  }

  /** @throws `endpoint-not-found`, `key-unreadable`, `database-failed` */
  use(name: string): UsableEndpoint {
    const entry = this.#entry(name)
    if (entry === undefined) throw endpointNotFound(name)
    const { stored, secrets } = entry
    assertReadable(name, secrets)
    const { dialect, model, local, fallbacks, options } = stored
    const { maxConcurrent, quirks } = options ?? {}
    const { apiKey, keySource, headers, query } = secrets.known
    const url = withSecretQuery(stored.url, query)
    return {
      name,
      url,
      apiKey,
      keySource,
      headers,
      dialect,
      model,
      local,
      fallbacks,
      maxConcurrent,
      quirks,
    }
  }

  #entry(name: string): OpenedEndpoint | undefined {
    if (this.#broken.has(name)) throw brokenEndpoint(name)
    return this.#entries.get(name)
  }

  /**
   * A secret that is sealed with the wrong key would be lost to the right one.
   *
   * @throws `key-unreadable`
   */
  #assertSealable(name: string, { apiKey, headers, query }: GivenSecrets): void {
    const isSealed =
      typeof apiKey === 'string' ||
      Object.keys(headers ?? {}).length > 0 ||
      (query ?? []).length > 0
    if (isSealed && this.#secrets.isWrongKey) throw keyUnreadable(name, 'wrong-key')
  }

  /** Returns `undefined` without an encryption key. */
  seal(secret: string, purpose: string): string | undefined {
    return this.#secrets.sealText(secret, purpose)
  }

  open(sealed: string, purpose: string): string | undefined {
    return this.#secrets.openText(sealed, purpose)
  }

  /** The endpoint's secrets once `given` is put, as plain text and as stored. */
  #secretsAfter(
    name: string,
    url: string,
    given: GivenSecrets,
  ): { readonly secrets: HeldSecrets; readonly sealedSecrets: string | undefined } {
    const present = this.#entries.get(name)
    const isSameOrigin = present !== undefined && originOf(present.stored.url) === originOf(url)
    const kept = isSameOrigin ? present : undefined
    const old = kept?.secrets ?? NO_SECRETS
    const isChanged = Object.values(given).some((secret) => secret !== undefined)
    if (!isChanged && old.lost?.reason === 'sealed') {
      return { secrets: old, sealedSecrets: kept?.stored.sealedSecrets }
    }
    const secrets = changedSecrets(old, given)
    const sealedSecrets = this.#secrets.seal(secrets.known, name, url)
    if (present?.secrets.lost?.reason === 'sealed') this.#warnOfDropped(name)
    return { secrets, sealedSecrets }
  }

  #warnOfDropped(name: string): void {
    this.#logger.warn(
      { endpoint: name },
      `The encrypted key and headers of endpoint ${quoted(name)} were dropped from the database: it was put again by an engine that cannot read them. New ones are stored only by an engine that has secrets.encryptionKey.`,
    )
  }
}

function endpointNotFound(name: string): ColloquyError {
  return new ColloquyError(
    'endpoint-not-found',
    `There is no endpoint named ${quoted(name)}. Create it with engine.putEndpoint(${quoted(name)}, { url, model }).`,
  )
}

/** Returns `undefined` if all options are absent. */
function setOptions(options: NonNullable<StoredEndpoint['options']>): StoredEndpoint['options'] {
  return Object.values(options).some((value) => value !== undefined) ? options : undefined
}
