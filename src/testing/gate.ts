/**
 * Gates step a scripted answer without sleeping: a script waits at a gate until the test opens it.
 *
 * Knows nothing of requests and answers.
 */

/** A test opens a gate to let the script that waits there continue. */
export interface Gate {
  /** Resolves when the gate opens. Pass it to a script. */
  readonly opened: Promise<void>
  open(): void
}

/**
 * Awaited before each delta. It is one promise for all deltas, or a function that is called with
 * the number of the delta, from 0.
 */
export type GateFor = Promise<unknown> | ((n: number) => unknown)

/** Makes a closed gate. */
export function closedGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

/**
 * Makes gates that let deltas through one by one.
 *
 * @example
 * ```ts
 * const { gate, step } = steps()
 * provider.next(chatReply(['Once', ' upon'], { gate }))
 * step() // lets 'Once' through
 * ```
 */
export function steps(): {
  readonly gate: (n: number) => Promise<void>
  /** Lets `count` more deltas through. @defaultValue 1 */
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
