/**
 * The endpoints of an engine, with their secrets.
 *
 * A key is bound to the origin that it was given for. It is sealed for that origin, dropped when
 * the url moves to another origin, and never part of a record. Knows nothing of turns and requests.
 */
import type { Store, StoredEndpoint } from '../../persistence/store.ts'
import type { EndpointRecord, FallbackRecord, Quirks } from '../../protocol/endpoint.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { KeySource } from '../../transport/provider-target.ts'
import type { EndpointOptions } from '../api.ts'
import { checked, text } from '../options/check.ts'
import type { SecretOptions } from '../options/options.ts'
import { type CheckedEndpoint, checkedEndpoint } from './endpoint-options.ts'
import {
  changedSecrets,
  EndpointSecrets,
  type HeldSecrets,
  NO_SECRETS,
  type Secrets,
} from './endpoint-secrets.ts'

/** An endpoint with its secrets, ready for use. It stays inside the engine. */
export interface UsableEndpoint extends Secrets {
  readonly keySource?: KeySource | undefined
  readonly name: string
  readonly url: string
  readonly dialect: StoredEndpoint['dialect']
  readonly model?: string | undefined
  readonly local: boolean
  readonly fallbacks?: readonly FallbackRecord[] | undefined
  readonly maxConcurrent?: number | undefined
  readonly quirks?: Quirks | undefined
}

interface Entry {
  readonly stored: StoredEndpoint
  readonly secrets: HeldSecrets
}

export class Endpoints {
  readonly #store: Store
  readonly #secrets: EndpointSecrets
  readonly #entries = new Map<string, Entry>()
  /**
   * Settles with the last put or deletion. The next one waits for it, since a put may keep secrets
   * of the last.
   */
  #lastPut: Promise<unknown> = Promise.resolve()

  private constructor(store: Store, secrets: EndpointSecrets) {
    this.#store = store
    this.#secrets = secrets
  }

  static async open(store: Store, options: SecretOptions): Promise<Endpoints> {
    const secrets = await EndpointSecrets.open(store, options)
    const endpoints = new Endpoints(store, secrets)
    for (const stored of await store.listEndpoints()) {
      endpoints.#entries.set(stored.name, { stored, secrets: secrets.unseal(stored) })
    }
    return endpoints
  }

  /** @throws `invalid-option`, `invalid-url`, `credentials-in-url` */
  async put(name: string, options: EndpointOptions): Promise<EndpointRecord> {
    const given = checkedEndpoint(name, options)
    const put = this.#lastPut.then(() => this.#put(name, given))
    this.#lastPut = put.catch(() => {})
    return put
  }

  async #put(name: string, given: CheckedEndpoint): Promise<EndpointRecord> {
    const { url } = given
    const { secrets, sealedSecrets } = this.#secretsAfter(name, url.origin, given)
    const stored: StoredEndpoint = {
      name,
      url: url.href,
      origin: url.origin,
      dialect: given.dialect,
      model: given.model,
      local: given.local,
      headerNames:
        secrets === 'unreadable' ? this.#headerNames(name) : Object.keys(secrets.headers),
      sealedSecrets,
      fallbacks: given.fallbacks.length > 0 ? given.fallbacks : undefined,
      options: storedOptions(
        given,
        secrets === 'unreadable' ? this.#hasKeySource(name) : secrets.keySource !== undefined,
      ),
    }
    await this.#store.putEndpoint(stored)
    this.#entries.set(name, { stored, secrets })
    return recordOf({ stored, secrets })
  }

  #headerNames(name: string): readonly string[] {
    return this.#entries.get(name)?.stored.headerNames ?? []
  }

  #hasKeySource(name: string): boolean {
    return this.#entries.get(name)?.stored.options?.hasKeySource === true
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
      if (!isDeleted) throw endpointNotFound(name)
    })
    this.#lastPut = deletion.catch(() => {})
    return deletion
  }

  /** All endpoints, by name. */
  list(): readonly EndpointRecord[] {
    const records = Array.from(this.#entries.values(), recordOf)
    return records.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  get(name: string): EndpointRecord | undefined {
    const entry = this.#entries.get(name)
    return entry === undefined ? undefined : recordOf(entry)
  }

  /** @throws `endpoint-not-found`, `key-unreadable` */
  use(name: string): UsableEndpoint {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw endpointNotFound(name)
    const { stored, secrets } = entry
    if (secrets === 'unreadable') {
      throw new ColloquyError(
        'key-unreadable',
        `The key of endpoint ${JSON.stringify(name)} is encrypted, and not with the encryption key of this engine. ` +
          'Create the engine with the secrets.encryptionKey it was stored under, or put the endpoint again with its apiKey and headers.',
      )
    }
    const { keySource } = secrets
    if (keySource === 'gone') {
      throw new ColloquyError(
        'key-unreadable',
        `The key of endpoint ${JSON.stringify(name)} comes from a function, which no database can hold. ` +
          'After a restart, put the endpoint again with its apiKey function.',
      )
    }
    const { url, dialect, model, local, fallbacks, options } = stored
    const { maxConcurrent, quirks } = options ?? {}
    return {
      name,
      url,
      dialect,
      model,
      local,
      fallbacks,
      maxConcurrent,
      quirks,
      ...secrets,
      keySource,
    }
  }

  /** The endpoint's secrets once `given` is put, as plain text and as stored. */
  #secretsAfter(
    name: string,
    origin: string,
    given: CheckedEndpoint,
  ): { readonly secrets: HeldSecrets; readonly sealedSecrets: string | undefined } {
    const present = this.#entries.get(name)
    const kept = present?.stored.origin === origin ? present : undefined
    if (
      given.apiKey === undefined &&
      given.headers === undefined &&
      kept?.secrets === 'unreadable'
    ) {
      return { secrets: 'unreadable', sealedSecrets: kept.stored.sealedSecrets }
    }
    const old = kept === undefined || kept.secrets === 'unreadable' ? NO_SECRETS : kept.secrets
    const secrets = changedSecrets(old, given)
    return { secrets, sealedSecrets: this.#secrets.seal(secrets, name, origin) }
  }
}

function endpointNotFound(name: string): ColloquyError {
  return new ColloquyError(
    'endpoint-not-found',
    `There is no endpoint named ${JSON.stringify(name)}. Create it with engine.putEndpoint(${JSON.stringify(name)}, { url, model }).`,
  )
}

function recordOf({ stored, secrets }: Entry): EndpointRecord {
  const { name, url, origin, dialect, model, local, fallbacks, options } = stored
  const { maxConcurrent, quirks } = options ?? {}
  const isUnreadable = secrets === 'unreadable'
  const hasApiKey = isUnreadable || (secrets.apiKey ?? secrets.keySource) !== undefined
  // Headers that were held in memory only are gone after a restart, but the row still has their
  // names.
  const headerNames = isUnreadable ? stored.headerNames : Object.keys(secrets.headers)
  return {
    name,
    url,
    origin,
    dialect,
    ...(model && { model }),
    local,
    hasApiKey,
    headerNames,
    ...(fallbacks && { fallbacks }),
    ...(maxConcurrent && { maxConcurrent }),
    ...(quirks && { quirks }),
  }
}

/** Returns `undefined` if all options are absent. */
function storedOptions(
  { maxConcurrent, quirks }: CheckedEndpoint,
  hasKeySource: boolean,
): StoredEndpoint['options'] {
  if (maxConcurrent === undefined && quirks === undefined && !hasKeySource) return undefined
  return { maxConcurrent, quirks, ...(hasKeySource && { hasKeySource }) }
}
