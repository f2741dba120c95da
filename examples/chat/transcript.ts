/** Formats stored conversations as text: a list of them, and the messages of one. */
import type { ConversationRecord, Message, TurnRecord } from 'colloquy'
import { sentence } from './explanation.ts'
import { plainLine } from './plain-text.ts'
import { textWidth } from './text-width.ts'
import { toolLine } from './tool-lines.ts'

const MOMENT = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' })

type Ending = 'cancelled' | 'interrupted' | 'failed'

/** The marks of replies that are not complete. */
const MARKS: Readonly<Record<Ending, string>> = {
  cancelled: 'stopped here',
  interrupted: 'interrupted: the program ended before the reply did',
  failed: 'failed here',
}

/** The marks of questions without a reply. */
const BARE_MARKS: Readonly<Record<Ending, string>> = {
  cancelled: 'stopped before there was any text',
  interrupted: 'interrupted: the program ended before there was any text',
  failed: 'failed',
}

/** One contribution to a conversation, or a mark about the one before it. */
export interface Entry {
  readonly by: 'person' | 'model' | 'mark'
  readonly text: string
  /** The name of the model that spoke, if it is known. */
  readonly model?: string | undefined
  /** True of a text that another entry of the same message comes before. */
  readonly continues?: true
}

/** A conversation as a line of the list. */
export function conversationLine(place: number, updatedAt: Date, name: string): string {
  return `${String(place).padStart(3)}  ${MOMENT.format(updatedAt)}  ${name}`
}

/** The name of a conversation: its title, or the beginning of its first message. */
export function nameOf({ title }: ConversationRecord, [first]: readonly Message[]): string {
  return plainLine(title ?? first?.text ?? '', 60) || 'untitled'
}

/**
 * A line of a conversation as it was shown while it streamed, without reasoning, with how each turn
 * ended. Turns of other lines, and failed attempts at a reply that came later, are left out.
 */
export function entriesOf(
  messages: readonly Message[],
  turns: readonly TurnRecord[],
): readonly Entry[] {
  const byTurn = Map.groupBy(messages, ({ turnId }) => turnId)
  const known = new Set(turns.map(({ id }) => id))
  const before = messages.filter(({ turnId }) => !known.has(turnId))
  const bare = new Set(messages.map(({ id }) => id))
  for (const { role, parentId } of messages) {
    if (role === 'assistant' && parentId !== undefined) bare.delete(parentId)
  }
  return [
    ...before.flatMap((message) => messageEntries(message, undefined)),
    ...turns.flatMap((turn) => turnEntries(turn, byTurn.get(turn.id) ?? [], bare)),
  ]
}

/** The newest entries that fit on a screen, and at least the last one with its marks. */
export function lastScreenful(
  entries: readonly Entry[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
): readonly Entry[] {
  let first = entries.length
  let used = 0
  while (first > 0) {
    const { text, by } = entries[first - 1] as Entry
    used += rowsOf(text, columns) + (by === 'model' ? 1 : 0)
    if (used > rows && entries.slice(first).some((entry) => entry.by !== 'mark')) break
    first--
  }
  return entries.slice(first)
}

/** @param bare - the messages of the line that no reply follows */
function turnEntries(
  turn: TurnRecord,
  messages: readonly Message[],
  bare: ReadonlySet<string>,
): readonly Entry[] {
  const entries = messages.flatMap((message) => messageEntries(message, turn))
  if (!bare.has(turn.inputMessageId)) return entries
  return [...entries, ...mark(BARE_MARKS, turn.status, turn)]
}

function messageEntries(message: Message, turn: TurnRecord | undefined): readonly Entry[] {
  const { role, text, status } = message
  if (role !== 'assistant') return [{ by: 'person', text: text || picturesIn(message) }]
  return [...replyEntries(message), ...mark(MARKS, status, turn)]
}

/** The texts of a reply, with a line for each call and each result between them. */
function replyEntries(message: Message): readonly Entry[] {
  const { parts, model } = message
  const entries: Entry[] = []
  let text = ''
  const endText = () => {
    const continues = entries.some(({ by }) => by === 'model') && ({ continues: true } as const)
    if (text !== '') entries.push({ by: 'model', text, model, ...continues })
    text = ''
  }
  for (const part of parts) {
    if (part.type === 'text') text += part.text
    if (part.type !== 'tool-call' && part.type !== 'tool-result') continue
    endText()
    entries.push({ by: 'mark', text: toolLine(part) })
  }
  endText()
  const pictures = entries.length === 0 ? picturesIn(message) : ''
  return pictures === '' ? entries : [{ by: 'model', text: pictures, model }]
}

function mark(
  marks: Readonly<Record<Ending, string>>,
  status: string,
  turn: TurnRecord | undefined,
): readonly Entry[] {
  if (!Object.hasOwn(marks, status)) return []
  const words = marks[status as Ending]
  const { error } = turn ?? {}
  const reason = status === 'failed' && error !== undefined ? `: ${sentence(error)}` : ''
  return [{ by: 'mark', text: `[${words}${reason}]` }]
}

/** What stands for a message without text. */
function picturesIn({ parts }: Message): string {
  const names = parts.flatMap((part) => {
    if (part.type === 'file') return [part.mediaType]
    return part.type === 'tool-call' || part.type === 'tool-result' ? [part.toolName] : []
  })
  return names.length === 0 ? '' : `[${names.join(', ')}]`
}

function rowsOf(text: string, columns: number): number {
  let rows = 0
  for (const line of text.split('\n')) rows += Math.max(1, Math.ceil(textWidth(line) / columns))
  return rows
}
