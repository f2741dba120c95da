/**
 * The endpoints of an engine, with their secrets.
 *
 * A key is bound to the origin it was given for: it is sealed with it, dropped when the url moves
 * elsewhere, and never part of what `record` hands out.
 */
import { randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { ColloquyError } from '../errors.ts'
import {
  DIALECTS,
  type EndpointRecord,
  type FallbackRecord,
  type Quirks,
} from '../protocol/endpoint.ts'
import type { Store, StoredEndpoint } from '../persistence/store.ts'
import type { KeySource } from '../transport/key-source.ts'
import type { EndpointOptions } from './api.ts'
import { checked, count, functionValue, headers, text } from './check.ts'
import type { SecretOptions } from './options.ts'
import { quirksOf, quirksSchema } from './quirks.ts'
import { SecretBox } from './secret-box.ts'

/** The endpoint of airplane mode, which never sends anything on. */
export const AIRPLANE = 'airplane'
const SALT_SETTING = 'secret-salt'

interface Secrets {
  readonly apiKey?: string | undefined
  /** In place of `apiKey`. `gone`: an engine before this one was given it. */
  readonly keySource?: KeySource | 'gone' | undefined
  readonly headers: Readonly<Record<string, string>>
}

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
  /** `unreadable`: sealed in the database under a key this engine was not given. */
  readonly secrets: Secrets | 'unreadable'
}

const NO_SECRETS: Secrets = { headers: {} }

const fallback = v.pipe(
  v.union([text, v.strictObject({ endpoint: text, model: v.optional(text) })]),
  v.transform((given): FallbackRecord => {
    if (typeof given === 'string') return { endpoint: given }
    const { endpoint, model } = given
    return { endpoint, ...(model !== undefined && { model }) }
  }),
)

const optionsSchema = v.strictObject({
  url: v.string(),
  model: v.optional(text),
  apiKey: v.nullish(
    v.union([text, functionValue<KeySource>()], 'a non-empty string or a function'),
  ),
  headers: v.nullish(headers),
  dialect: v.optional(v.picklist(DIALECTS), 'chat-completions'),
  local: v.optional(v.boolean(), false),
  fallbacks: v.optional(v.array(fallback), []),
  maxConcurrent: v.optional(count),
  quirks: v.optional(quirksSchema, {}),
})

type CheckedOptions = Omit<v.InferOutput<typeof optionsSchema>, 'quirks'> & {
  readonly quirks: Quirks | undefined
}

export class Endpoints {
  readonly #store: Store
  readonly #box: SecretBox | undefined
  readonly #entries = new Map<string, Entry>()
  /** Settles when the last put has: each one keeps secrets of the one before. */
  #lastPut: Promise<unknown> = Promise.resolve()

  private constructor(store: Store, box: SecretBox | undefined) {
    this.#store = store
    this.#box = box
  }

  static async open(store: Store, secrets: SecretOptions): Promise<Endpoints> {
    const endpoints = new Endpoints(store, await boxOf(store, secrets.encryptionKey))
    for (const stored of await store.listEndpoints()) {
      endpoints.#entries.set(stored.name, { stored, secrets: endpoints.#opened(stored) })
    }
    return endpoints
  }

  /** @throws `invalid-option`, `invalid-url`, `credentials-in-url` */
  async put(name: string, options: EndpointOptions): Promise<EndpointRecord> {
    checked(text, name, 'putEndpoint: name')
    const what = `putEndpoint ${JSON.stringify(name)}`
    const checkedOptions = checked(optionsSchema, options, what)
    if (name === AIRPLANE && checkedOptions.fallbacks.length > 0) {
      throw new ColloquyError(
        'invalid-option',
        `putEndpoint "${AIRPLANE}": it cannot have fallbacks, since nothing goes elsewhere in airplane mode. Leave them out.`,
      )
    }
    const quirks = quirksOf(checkedOptions.quirks, checkedOptions.dialect, what)
    const given = { ...checkedOptions, quirks }
    const url = parsedUrl(given.url)
    const put = this.#lastPut.then(() => this.#put(name, url, given))
    this.#lastPut = put.catch(() => {})
    return put
  }

  async #put(name: string, url: URL, given: CheckedOptions): Promise<EndpointRecord> {
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
    given: CheckedOptions,
  ): { readonly secrets: Entry['secrets']; readonly sealedSecrets: string | undefined } {
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
    const secrets: Secrets = {
      ...(given.apiKey === undefined ? keyOf(old) : newKey(given.apiKey)),
      headers: given.headers === undefined ? old.headers : (given.headers ?? {}),
    }
    return { secrets, sealedSecrets: this.#sealed(secrets, name, origin) }
  }

  #sealed(secrets: Secrets, name: string, origin: string): string | undefined {
    const storable = { apiKey: secrets.apiKey, headers: secrets.headers }
    const isEmpty = storable.apiKey === undefined && Object.keys(storable.headers).length === 0
    return isEmpty ? undefined : this.#box?.seal(JSON.stringify(storable), purpose(name, origin))
  }

  #opened(stored: StoredEndpoint): Entry['secrets'] {
    const lost = stored.options?.hasKeySource === true ? ({ keySource: 'gone' } as const) : {}
    if (stored.sealedSecrets === undefined) return { ...NO_SECRETS, ...lost }
    // Of the url that requests go to: the row's own word for its origin may have been left behind.
    const origin = URL.parse(stored.url)?.origin ?? ''
    const opened = this.#box?.open(stored.sealedSecrets, purpose(stored.name, origin))
    if (opened === undefined) return 'unreadable'
    return { ...(JSON.parse(opened) as Secrets), ...lost }
  }
}

function keyOf({ apiKey, keySource }: Secrets): Pick<Secrets, 'apiKey' | 'keySource'> {
  return { apiKey, keySource }
}

function newKey(given: string | KeySource | null): Pick<Secrets, 'apiKey' | 'keySource'> {
  return typeof given === 'function' ? { keySource: given } : { apiKey: given ?? undefined }
}

/** `undefined` if there is nothing out of the ordinary. */
function storedOptions(
  { maxConcurrent, quirks }: CheckedOptions,
  hasKeySource: boolean,
): StoredEndpoint['options'] {
  if (maxConcurrent === undefined && quirks === undefined && !hasKeySource) return undefined
  return { maxConcurrent, quirks, ...(hasKeySource && { hasKeySource }) }
}

/** A database that was tampered with cannot move a key to another endpoint or origin. */
function purpose(name: string, origin: string): string {
  return JSON.stringify([name, origin])
}

async function boxOf(
  store: Store,
  encryptionKey: string | Uint8Array | undefined,
): Promise<SecretBox | undefined> {
  if (encryptionKey === undefined) return undefined
  if (typeof encryptionKey !== 'string') return new SecretBox(Uint8Array.from(encryptionKey))
  const known = (await store.listSettings()).get(SALT_SETTING)
  if (typeof known === 'string') {
    return SecretBox.ofPassphrase(encryptionKey, Buffer.from(known, 'base64'))
  }
  const salt = randomBytes(16)
  await store.putSetting(SALT_SETTING, salt.toString('base64'))
  return SecretBox.ofPassphrase(encryptionKey, salt)
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

function parsedUrl(given: string): URL {
  const url = URL.parse(given)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ColloquyError(
      'invalid-url',
      'putEndpoint: url is not an absolute http: or https: address. Give one like https://llm.example/v1.',
    )
  }
  if (url.username !== '' || url.password !== '') {
    throw new ColloquyError(
      'credentials-in-url',
      'putEndpoint: url holds a user name or password. Take it out, and give the key as apiKey or in headers.',
    )
  }
  url.hash = ''
  return url
}
