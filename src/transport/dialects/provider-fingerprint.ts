/**
 * Marks opaque data with the provider and the model that made it. Other providers cannot read the
 * data, and refuse a request that contains it. This file knows nothing of the data.
 */
import { createHash } from 'node:crypto'
import type { WireRequestInfo } from './dialect.ts'

/**
 * Equal for the same model at the same provider. It is a hash because parts are visible outside the
 * engine, and must not reveal the provider's address.
 */
export function providerFingerprint({ target, model }: WireRequestInfo): string {
  const origin = URL.parse(target.url)?.origin ?? ''
  return createHash('sha256').update(`${origin}\n${model}`).digest('base64url').slice(0, 16)
}

/** The provider that answers. Its fingerprint is made once: pictures and calls may be many. */
export class Maker {
  readonly #asked: WireRequestInfo
  #fingerprint: string | undefined

  constructor(asked: WireRequestInfo) {
    this.#asked = asked
  }

  get fingerprint(): string {
    return (this.#fingerprint ??= providerFingerprint(this.#asked))
  }
}
