/**
 * The endpoints of an engine, with their secrets.
 *
 * A key is bound to the origin it was given for: it is sealed with it, dropped when the url moves
 * elsewhere, and never part of what `record` hands out.
 */
import type { Store, StoredEndpoint } from '../../persistence/store.ts'
import type { EndpointRecord, FallbackRecord, Quirks } from '../../protocol/endpoint.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { KeySource } from '../../transport/provider-target.ts'
import type { EndpointOptions } from '../api.ts'
import type { SecretOptions } from '../options/options.ts'
import { type CheckedEndpoint, checkedEndpoint } from './endpoint-options.ts'
import {
  changedSecrets,
  EndpointSecrets,
  type HeldSecrets,
  NO_SECRETS,
  type Secrets,
} from './endpoint-secrets.ts'

/** An endpoint ready for use. Holds secrets: stays inside. */
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
  /** Settles when the last put has: each one keeps secrets of the one before. */
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

  get(name: string): EndpointRecord | undefined {
    const entry = this.#entries.get(name)
    return entry === undefined ? undefined : recordOf(entry)
  }

  /** @throws `endpoint-not-found`, `key-unreadable` */
  use(name: string): UsableEndpoint {
    const entry = this.#entries.get(name)
    if (entry === undefined) {
      throw new ColloquyError(
        'endpoint-not-found',
        `There is no endpoint named ${JSON.stringify(name)}. Create it with engine.putEndpoint(${JSON.stringify(name)}, { url, model }).`,
      )
    }
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

  /** What the endpoint's secrets are once `given` is put, in the clear and as stored. */
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

function recordOf({ stored, secrets }: Entry): EndpointRecord {
  const { name, url, origin, dialect, model, local, fallbacks, options } = stored
  const { maxConcurrent, quirks } = options ?? {}
  const isUnreadable = secrets === 'unreadable'
  const hasApiKey = isUnreadable || (secrets.apiKey ?? secrets.keySource) !== undefined
  // What was held in memory only is gone after a restart; its names are still in the row.
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

/** `undefined` if there is nothing out of the ordinary. */
function storedOptions(
  { maxConcurrent, quirks }: CheckedEndpoint,
  hasKeySource: boolean,
): StoredEndpoint['options'] {
  if (maxConcurrent === undefined && quirks === undefined && !hasKeySource) return undefined
  return { maxConcurrent, quirks, ...(hasKeySource && { hasKeySource }) }
}
