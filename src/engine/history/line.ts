/**
 * The line of messages that a turn answers: of all that is stored, what counts.
 *
 * A retry leaves a second reply to the same input. They stand one after the other, since only the
 * last input is tried again: of those, the newest that says something is the one that was meant.
 */
import type { HistoryMessage } from '../../persistence/store.ts'
import { saysSomething } from './sendable-history.ts'

/** @param messages - up to the input that is answered, oldest first */
export function currentLine<M extends HistoryMessage>(messages: readonly M[]): readonly M[] {
  const line: M[] = []
  for (const message of messages) {
    const before = line.at(-1)
    if (before === undefined || !areRivals(before, message)) line.push(message)
    else if (saysSomething(message) || !saysSomething(before)) line[line.length - 1] = message
  }
  return line
}

/** Whether two neighbours are replies to one input. Those of one turn, or one import, are not. */
function areRivals(before: HistoryMessage, message: HistoryMessage): boolean {
  return (
    message.role === 'assistant' && before.role === 'assistant' && message.turnId !== before.turnId
  )
}
