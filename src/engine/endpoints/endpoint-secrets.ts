/**
 * The secrets of endpoints: as plain text in memory, and sealed in the database if the host gave an
 * encryption key.
 *
 * Each secret is sealed for one endpoint and one origin. So a database that was tampered with
 * cannot move it to another. Knows nothing of the requests that use the secrets.
 */
import { randomBytes } from 'node:crypto'
import type { Store, StoredEndpoint } from '../../persistence/store.ts'
import type { KeySource } from '../../transport/provider-target.ts'
import type { SecretOptions } from '../options/options.ts'
import { SecretBox } from './secret-box.ts'

const SALT_SETTING = 'secret-salt'

export interface Secrets {
  readonly apiKey?: string | undefined
  /** A function that returns keys, in place of `apiKey`. `gone`: an earlier engine had it. */
  readonly keySource?: KeySource | 'gone' | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** `unreadable`: sealed in the database with an encryption key that this engine was not given. */
export type HeldSecrets = Secrets | 'unreadable'

/** The secrets that a host hands in. An absent one stays as it is; `null` removes it. */
interface GivenSecrets {
  readonly apiKey?: string | KeySource | null | undefined
  readonly headers?: Readonly<Record<string, string>> | null | undefined
}

export const NO_SECRETS: Secrets = { headers: {} }

export function changedSecrets(old: Secrets, { apiKey, headers }: GivenSecrets): Secrets {
  return {
    ...(apiKey === undefined ? { apiKey: old.apiKey, keySource: old.keySource } : newKey(apiKey)),
    headers: headers === undefined ? old.headers : (headers ?? {}),
  }
}

function newKey(given: string | KeySource | null): Pick<Secrets, 'apiKey' | 'keySource'> {
  return typeof given === 'function' ? { keySource: given } : { apiKey: given ?? undefined }
}

export class EndpointSecrets {
  readonly #box: SecretBox | undefined

  private constructor(box: SecretBox | undefined) {
    this.#box = box
  }

  static async open(store: Store, { encryptionKey }: SecretOptions): Promise<EndpointSecrets> {
    return new EndpointSecrets(await boxOf(store, encryptionKey))
  }

  /**
   * Returns `undefined` if there is no secret, or no encryption key to seal it with. In the second
   * case the secret is held in memory only.
   */
  seal({ apiKey, headers }: Secrets, name: string, origin: string): string | undefined {
    if (apiKey === undefined && Object.keys(headers).length === 0) return undefined
    return this.#box?.seal(JSON.stringify({ apiKey, headers }), purpose(name, origin))
  }

  unseal(stored: StoredEndpoint): HeldSecrets {
    const lost = stored.options?.hasKeySource === true ? ({ keySource: 'gone' } as const) : {}
    if (stored.sealedSecrets === undefined) return { ...NO_SECRETS, ...lost }
    // The origin of the url that requests go to. The row's own `origin` need not match a url that
    // was tampered with.
    const origin = URL.parse(stored.url)?.origin ?? ''
    const opened = this.#box?.open(stored.sealedSecrets, purpose(stored.name, origin))
    if (opened === undefined) return 'unreadable'
    return { ...(JSON.parse(opened) as Secrets), ...lost }
  }
}

function purpose(name: string, origin: string): string {
  return JSON.stringify([name, origin])
}

async function boxOf(
  store: Store,
  encryptionKey: SecretOptions['encryptionKey'],
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
