/** What is stored, as text: conversations in a list, and the messages of one. */
import type { ConversationRecord, Message } from 'colloquy'
import { plainLine } from './plain-text.ts'

const MOMENT = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' })

const MARKS: Record<Message['status'], string | undefined> = {
  complete: undefined,
  cancelled: '[stopped here]',
  interrupted: '[interrupted: the program ended before the reply did]',
  failed: '[failed here]',
}

/** A conversation in a list, by its place there. */
export function conversationLine(place: number, updatedAt: Date, name: string): string {
  return `${String(place).padStart(3)}  ${MOMENT.format(updatedAt)}  ${name}`
}

/** What a conversation is called: its title, or else how it begins. */
export function nameOf({ title }: ConversationRecord, [first]: readonly Message[]): string {
  return plainLine(title ?? first?.text ?? '', 60) || 'untitled'
}

/** A message as it was shown when it came, without reasoning, and marked if it is not whole. */
export function messageLines({ role, text, status }: Message): string[] {
  const mark = MARKS[status]
  return [
    ...(role === 'user' ? [`> ${text}`] : text === '' ? [] : [text]),
    ...(mark === undefined ? [] : [mark]),
  ]
}
