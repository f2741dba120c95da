/** The authentication header of most providers. Knows nothing of where the key comes from. */
export function bearer(apiKey: string | undefined): Readonly<Record<string, string>> {
  return apiKey ? { authorization: `Bearer ${apiKey}` } : {}
}
