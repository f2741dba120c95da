/**
 * Encrypts secrets for the database: AES-256-GCM (NIST SP 800-38D), with a fresh 96-bit nonce each
 * time. A secret that was sealed for one purpose cannot be opened for another.
 *
 * Knows nothing of endpoints.
 */
import {
  createCipheriv,
  createDecipheriv,
  randomBytes,
  scrypt,
  type ScryptOptions,
} from 'node:crypto'
import { promisify } from 'node:util'

const VERSION = 'v1'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * The cost of scrypt for new salts, as OWASP recommends with a block size of 8: each guess of a
 * passphrase takes 128 MiB and some 0.4 s of CPU.
 */
export const SCRYPT_COST = 2 ** 17
/** The cost of salts that were made before the cost was stored beside them. */
export const FIRST_SCRYPT_COST = 2 ** 14
/** Node refuses a derivation that takes more memory: 128 bytes times block size times cost. */
const MAX_MEMORY = 2 * 128 * 8 * SCRYPT_COST

const deriveKey = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt)

export class SecretBox {
  readonly #key: Uint8Array

  constructor(key: Uint8Array) {
    this.#key = key
  }

  /**
   * Derives the key of a box from a passphrase. Each database has its own `salt`, so that keys
   * computed in advance from a dictionary do not open a stolen file.
   */
  static async ofPassphrase(
    passphrase: string,
    salt: Uint8Array,
    cost: number,
  ): Promise<SecretBox> {
    return new SecretBox(await deriveKey(passphrase, salt, 32, { cost, maxmem: MAX_MEMORY }))
  }

  /** @param purpose - where the secret belongs; `open` needs the same value */
  seal(secret: string, purpose: string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    cipher.setAAD(Buffer.from(purpose))
    const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
    return `${VERSION}.${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')}`
  }

  /**
   * Returns the secret; `undefined` if it was sealed with another key or for another purpose, or
   * was changed since.
   */
  open(sealed: string, purpose: string): string | undefined {
    const [version, encoded] = sealed.split('.')
    if (version !== VERSION || encoded === undefined) return undefined
    const bytes = Buffer.from(encoded, 'base64')
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, NONCE_BYTES))
      decipher.setAAD(Buffer.from(purpose))
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
      const opened = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES))
      return Buffer.concat([opened, decipher.final()]).toString('utf8')
    } catch {
      return undefined
    }
  }
}
