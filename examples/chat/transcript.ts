/** Formats stored conversations as text: a list of them, and the messages of one. */
import type { ConversationRecord, Message } from 'colloquy'
import { plainLine } from './plain-text.ts'

const MOMENT = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' })

const MARKS: Record<Message['status'], string | undefined> = {
  complete: undefined,
  cancelled: '[stopped here]',
  interrupted: '[interrupted: the program ended before the reply did]',
  failed: '[failed here]',
}

/** A conversation as a line of the list. */
export function conversationLine(place: number, updatedAt: Date, name: string): string {
  return `${String(place).padStart(3)}  ${MOMENT.format(updatedAt)}  ${name}`
}

/** The name of a conversation: its title, or the beginning of its first message. */
export function nameOf({ title }: ConversationRecord, [first]: readonly Message[]): string {
  return plainLine(title ?? first?.text ?? '', 60) || 'untitled'
}

/** A message as it was shown while it streamed, without reasoning. Marked if it is not complete. */
export function messageLines({ role, text, status }: Message): string[] {
  const mark = MARKS[status]
  return [
    ...(role === 'user' ? [`> ${text}`] : text === '' ? [] : [text]),
    ...(mark === undefined ? [] : [mark]),
  ]
}
