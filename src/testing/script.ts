/** Scripts, which all of this kit is made of, and how they run. Knows nothing of dialects. */
import type { ServedRequest } from './served-request.ts'

/**
 * Answers one request, or does one step of the answer. A script may use the response in any way,
 * even in ways that a provider should not. It may read the request and return another script to
 * run.
 *
 * Contract: if a script throws, its connection is cut, and the provider's `close()` rejects.
 */
export type Script = (exchange: ServedRequest) => ScriptResult | Promise<ScriptResult>

// oxlint-disable-next-line typescript/no-invalid-void-type -- most scripts return nothing
type ScriptResult = void | Script

/** Runs a script. If it returns another script, runs that one next. */
export async function run(script: Script, exchange: ServedRequest): Promise<void> {
  let next: ScriptResult = script
  while (typeof next === 'function') next = await next(exchange)
}
