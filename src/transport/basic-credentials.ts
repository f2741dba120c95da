/** Reads the user and the password of HTTP's Basic scheme (RFC 7617). Knows nothing of headers. */

/**
 * The user, the password and both as they are encoded together, decoded. Empty if the value is no
 * Basic authorization.
 */
export function basicCredentials(value: string): readonly string[] {
  const encoded = /^\s*basic\s+(\S+)\s*$/i.exec(value)?.[1]
  if (encoded === undefined) return []
  const decoded = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon === -1) return [decoded]
  return [decoded, decoded.slice(0, colon), decoded.slice(colon + 1)]
}
