/**
 * The encryption key of a database: derives it, and tells whether it is the one that the database
 * was sealed with.
 *
 * A value that is sealed with the key stands in the settings. Without it a wrong passphrase would
 * show only when an endpoint is used, and keys that were put meanwhile would be lost to the right
 * one. Knows nothing of endpoints.
 */
import { randomBytes } from 'node:crypto'
import type { SettingStore } from '../../persistence/ports/setting-store.ts'
import type { SecretOptions } from '../options/options.ts'
import { FIRST_SCRYPT_COST, SCRYPT_COST, SecretBox } from './secret-box.ts'

/** The salt of files that were made before its cost was stored too: base64. */
const FIRST_SALT_SETTING = 'secret-salt'
const DERIVATION_SETTING = 'secret-derivation'
const CHECK_SETTING = 'secret-check'
const CHECK_PURPOSE = 'check'
const CHECK_TEXT = 'colloquy'
const SALT_BYTES = 16

/** How a key is derived from a passphrase, as stored. */
interface Derivation {
  /** Base64. */
  readonly salt: string
  readonly cost: number
}

export interface OpenedKey {
  readonly box: SecretBox
  /** True if secrets of this database were sealed with another key. */
  readonly isWrong: boolean
}

/** @param opens - returns true if the box opens one of the sealed secrets; `undefined`: there are none */
export async function openEncryptionKey(
  store: SettingStore,
  encryptionKey: NonNullable<SecretOptions['encryptionKey']>,
  opens: (box: SecretBox) => boolean | undefined,
): Promise<OpenedKey> {
  const settings = await store.listSettings()
  const box =
    typeof encryptionKey === 'string'
      ? await derived(store, encryptionKey, settings)
      : new SecretBox(Uint8Array.from(encryptionKey))
  const check = settings.get(CHECK_SETTING)
  if (typeof check === 'string' && box.open(check, CHECK_PURPOSE) === CHECK_TEXT) {
    return { box, isWrong: false }
  }
  // A file without a check value, or without secrets: then no other key has anything to lose.
  if (opens(box) === false) return { box, isWrong: true }
  await store.putSetting(CHECK_SETTING, box.seal(CHECK_TEXT, CHECK_PURPOSE))
  return { box, isWrong: false }
}

async function derived(
  store: SettingStore,
  passphrase: string,
  settings: ReadonlyMap<string, unknown>,
): Promise<SecretBox> {
  const known = settings.get(DERIVATION_SETTING)
  const first = settings.get(FIRST_SALT_SETTING)
  const { salt, cost } = isDerivation(known)
    ? known
    : typeof first === 'string'
      ? { salt: first, cost: FIRST_SCRYPT_COST }
      : await newDerivation(store)
  return await SecretBox.ofPassphrase(passphrase, Buffer.from(salt, 'base64'), cost)
}

async function newDerivation(store: SettingStore): Promise<Derivation> {
  const derivation = { salt: randomBytes(SALT_BYTES).toString('base64'), cost: SCRYPT_COST }
  await store.putSetting(DERIVATION_SETTING, derivation)
  return derivation
}

/** Only known costs: another one could take any amount of memory, or make guessing cheap. */
function isDerivation(value: unknown): value is Derivation {
  if (typeof value !== 'object' || value === null) return false
  const { salt, cost } = value as Partial<Record<keyof Derivation, unknown>>
  return typeof salt === 'string' && cost === SCRYPT_COST
}
