/** Tells the dialect of a request from its path. Knows nothing of headers and bodies. */

/** Returns the dialect of a request to this path, which may have a query string. */
export function askedDialect(path: string): 'chat-completions' | 'responses' | 'messages' {
  const operation = /\/(responses|messages)\/?(?:\?|$)/.exec(path)?.[1]
  return operation === 'responses' || operation === 'messages' ? operation : 'chat-completions'
}
