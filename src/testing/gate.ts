/** Doors that a test opens: how a scripted answer is stepped without sleeping. */

/** A door that a test opens when it wants the script behind it to go on. */
export interface Gate {
  /** Resolves when the gate is open: pass it to a script. */
  readonly opened: Promise<void>
  open(): void
}

/** What is awaited before each delta: one promise for all, or one for each by its number, from 0. */
export type GateFor = Promise<unknown> | ((n: number) => unknown)

/** A gate that is closed. */
export function closedGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

/** Lets deltas through one by one: `chatReply(texts, { gate: steps.gate })`, then `steps.step()`. */
export function steps(): {
  readonly gate: (n: number) => Promise<void>
  /** Lets through so many more. @defaultValue 1 */
  readonly step: (count?: number) => void
} {
  const gates: Gate[] = []
  const at = (n: number): Gate => (gates[n] ??= closedGate())
  let opened = 0
  return {
    gate: (n) => at(n).opened,
    step: (count = 1) => {
      for (let i = 0; i < count; i += 1) at(opened++).open()
    },
  }
}
