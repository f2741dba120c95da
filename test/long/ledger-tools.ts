/** Tools with an effect outside the database: a line in a file, with the key of the call. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import type { CallContext, Tool } from '../../src/index.ts'

export interface Entry {
  readonly key: string
  readonly attempt: number
  readonly toolName: string
}

export function ledgerTools(file: string): Readonly<Record<string, Tool>> {
  const execute = async (_: unknown, { idempotencyKey: key, attempt, toolName }: CallContext) => {
    await after(Math.random() * 8)
    const ledger = openSync(file, 'a')
    writeSync(ledger, `${JSON.stringify({ key, attempt, toolName } satisfies Entry)}\n`)
    fsyncSync(ledger)
    closeSync(ledger)
    await after(Math.random() * 8)
    return 'noted'
  }
  return {
    report: { execute },
    again: { execute, afterCrash: 'again' },
    ask: { execute, needsApproval: true },
  }
}

export function entriesOf(file: string): readonly Entry[] {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as Entry)
}
