/**
 * The forms in which a text may be echoed: plain, in hexadecimal and in base64. Escapes are undone
 * where the forms are looked for, so they are no forms of their own. Knows nothing of that text.
 */
import { plainest } from './text-view.ts'

/** A shorter part of a base64 text could be a part of any word. */
const SHORTEST_BASE64 = 6

/** All forms of a secret, the plain one first. They are compared without regard to case. */
export function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  return [
    secret,
    // A secret with an escape of its own, and its form in the body of a web form.
    ...[plainest(secret), secret.replaceAll(' ', '+')].filter((form) => form !== secret),
    bytes.toString('hex'),
    ...base64Forms(bytes),
  ]
}

/**
 * The base64 forms of bytes that stand anywhere in encoded bytes. Three bytes make four characters,
 * so the form depends on the number of bytes before them. Characters that other bytes have a share
 * in are left out.
 */
function base64Forms(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    const first = Math.ceil((before * 8) / 6)
    const end = Math.floor(((before + bytes.length) * 8) / 6)
    const form = encoded.slice(first, end)
    if (form.length < SHORTEST_BASE64) return []
    return [form, form.replaceAll('+', '-').replaceAll('/', '_')]
  })
}
