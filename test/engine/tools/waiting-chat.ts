/** A tool whose calls wait, and the calls of a turn that waits. */
import type { CallRecord, Tool, Turn } from '../../../src/index.ts'
import { nextEvent } from '../../support/waiting.ts'

/** A tool that needs an approval and notes its runs. */
export function noting(ran: unknown[], more: Partial<Tool> = {}): Tool {
  return {
    inputSchema: { type: 'object' },
    needsApproval: true,
    execute: (input) => {
      ran.push(input)
      return 'noted'
    },
    ...more,
  }
}

/** The turn waits: its calls that need an answer. */
export async function waits(turn: Turn): Promise<readonly CallRecord[]> {
  if (turn.phase === 'waiting') return []
  return (await nextEvent(turn.events, 'turn.waiting')).calls
}
