/** What a request is answered: the one idea that everything in this kit is made of. */
import type { ServedRequest } from './served-request.ts'

/**
 * Answers one request, or does one step of that. It may do with the response whatever a provider
 * could, or should not, do; it may also look at the request and return another script to run.
 *
 * One that throws has its connection cut, and fails the provider's `close()`.
 */
export type Script = (exchange: ServedRequest) => ScriptResult | Promise<ScriptResult>

// oxlint-disable-next-line typescript/no-invalid-void-type -- most scripts return nothing
type ScriptResult = void | Script

/** Runs a script, and whatever it says should run instead. */
export async function run(script: Script, exchange: ServedRequest): Promise<void> {
  let next: ScriptResult = script
  while (typeof next === 'function') next = await next(exchange)
}
