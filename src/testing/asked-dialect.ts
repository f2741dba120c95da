/** Which of the wire formats a request is in, by its path. */

/** The format of a request to this path, which may have a query string. */
export function askedDialect(path: string): 'chat-completions' | 'responses' | 'messages' {
  const operation = /\/(responses|messages)\/?(?:\?|$)/.exec(path)?.[1]
  return operation === 'responses' || operation === 'messages' ? operation : 'chat-completions'
}
