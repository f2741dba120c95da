/** Results of a host's functions that are not used. Knows nothing of the functions. */

/**
 * Takes the rejection of a promise that nobody awaits. A host may give an async function where a
 * plain one is asked for, and its rejection would end the process.
 */
export function ignoreRejection(result: unknown): void {
  if (result instanceof Object && 'then' in result) Promise.resolve(result).catch(() => {})
}
