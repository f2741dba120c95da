/**
 * The line of messages that a turn answers: of all that is stored, what counts.
 *
 * A retry leaves a second reply to the same input. They stand one after the other, since only the
 * last input is tried again: of those, the newest that says something is the one that was meant.
 */
import type { Message } from '../protocol/message.ts'
import { saysSomething } from './sendable-history.ts'

/** @param inputId - the message that is answered: what stands after it is left out */
export function historyUpTo(inputId: string, messages: readonly Message[]): readonly Message[] {
  const line: Message[] = []
  for (const message of messages) {
    const before = line.at(-1)
    if (before !== undefined && areRivals(before, message)) {
      if (saysSomething(message) || !saysSomething(before)) line[line.length - 1] = message
    } else line.push(message)
    if (message.id === inputId) break
  }
  return line
}

/** Whether two neighbours are replies to one input. Those of one turn, or one import, are not. */
function areRivals(before: Message, message: Message): boolean {
  return (
    message.role === 'assistant' && before.role === 'assistant' && message.turnId !== before.turnId
  )
}
