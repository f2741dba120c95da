/** Marks opaque data with who made it: others cannot read it, and refuse a request that has it. */
import { createHash } from 'node:crypto'
import type { WireRequestInfo } from './dialect.ts'

/** The same for the same model of the same provider. Does not show where that is: readers see parts. */
export function providerFingerprint({ target, model }: WireRequestInfo): string {
  const origin = URL.parse(target.url)?.origin ?? ''
  return createHash('sha256').update(`${origin}\n${model}`).digest('base64url').slice(0, 16)
}
