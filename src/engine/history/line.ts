/**
 * The line of messages that a turn answers, chosen from the stored messages.
 *
 * A retry leaves a second reply to the same input. Replies to one input are neighbours, since only
 * the last input is retried. The newest of them that says something counts. Knows no dialect.
 */
import type { HistoryMessage } from '../../persistence/ports/conversation-store.ts'
import { saysSomething } from './sendable-history.ts'

/** @param messages - the messages up to the answered input, oldest first */
export function currentLine<M extends HistoryMessage>(messages: readonly M[]): readonly M[] {
  const line: M[] = []
  for (const message of messages) {
    const before = line.at(-1)
    if (before === undefined || !areRivals(before, message)) line.push(message)
    else if (saysSomething(message) || !saysSomething(before)) line[line.length - 1] = message
  }
  return line
}

/**
 * Returns true if two neighbours are replies to one input. Messages of one turn, or of one import,
 * are not.
 */
function areRivals(before: HistoryMessage, message: HistoryMessage): boolean {
  return (
    message.role === 'assistant' && before.role === 'assistant' && message.turnId !== before.turnId
  )
}
