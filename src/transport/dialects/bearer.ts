/** The authentication header that most providers want. */
export function bearer(apiKey: string | undefined): Readonly<Record<string, string>> {
  return apiKey ? { authorization: `Bearer ${apiKey}` } : {}
}
