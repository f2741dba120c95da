/**
 * A host may cancel, or send again, before it awaits this promise. A rejection in between must not
 * end its process.
 */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
