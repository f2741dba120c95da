/** The branches of the open conversation: other replies, other versions of a question, and a way back. */
import type { Engine, InputPart, Message } from 'colloquy'
import type { Library } from './library.ts'
import type { Lines } from './lines.ts'
import { plainLine } from './plain-text.ts'
import type { Outcome, Session } from './session.ts'
import type { Terminal } from './terminal.ts'

/** The columns before the text of an alternative. */
const MARGIN = 6
const LONGEST = 60

interface BranchesParts {
  readonly terminal: Terminal
  readonly lines: Lines
  readonly session: Session
  readonly library: Library
}

export class Branches {
  readonly #engine: Engine
  readonly #parts: BranchesParts
  /** The alternatives that were listed last: the numbers that a person types refer to them. */
  #listed: readonly Message[] = []

  constructor(engine: Engine, parts: BranchesParts) {
    this.#engine = engine
    this.#parts = parts
  }

  /** Asks for another reply to the last question. */
  async regenerate(): Promise<Outcome> {
    const { session } = this.#parts
    const question = (await this.#questions()).at(-1)
    if (question === undefined) throw new Error('There is no question to answer again yet.')
    const outcome = await session.regenerate(question.id)
    const reply = (await session.messages()).at(-1)
    if (outcome === 'replied' && reply !== undefined) this.#tellPlace('Reply', reply)
    return outcome
  }

  /** Offers a question for editing, and sends what becomes of it. */
  async edit(number: string): Promise<Outcome | void> {
    const { session, terminal, lines } = this.#parts
    const question = await this.#question(number)
    if (lines.interactive)
      terminal.note('Enter sends the question anew. Ctrl-C leaves it as it is.')
    if (lines.interactive && lines.editing === undefined) terminal.line(question.text)
    const answer = lines.next('edit> ', 'rewrite')
    lines.editing?.offer(question.text)
    const text = await answer
    if (text === undefined && !lines.interactive) {
      throw new Error('/edit takes the new question from the next line.')
    }
    if (text === undefined || text.trim() === '') return terminal.note('Nothing was changed.')
    if (text === question.text) {
      return terminal.note('Nothing was changed. /regenerate asks the same again.')
    }
    const files = question.parts.filter((part) => part.type === 'file')
    const input: readonly InputPart[] = [{ type: 'text', text }, ...files]
    const outcome = await session.edit(question.id, input)
    const version = (await session.messages()).findLast(({ role }) => role === 'user')
    if (version !== undefined) this.#tellPlace('Version', version)
    return outcome
  }

  /** Lists the alternatives, and goes on with one of them. */
  async choose(number: string): Promise<void> {
    const { lines, terminal } = this.#parts
    if (number === '') {
      await this.#list()
      if (this.#listed.length === 0) return terminal.note('This conversation has no branches yet.')
      if (!lines.interactive) return
      const answer = await lines.next('Go on with (number): ', 'choice')
      if (answer === undefined || answer.trim() === '') return terminal.note('Nothing was changed.')
      return this.#switch(answer.trim())
    }
    if (this.#listed.length === 0) this.#listed = (await this.#alternatives()).flat()
    await this.#switch(number)
  }

  /** The numbers that `/branches` takes. */
  async numbers(): Promise<readonly string[]> {
    return (await this.#alternatives()).flat().map((_, index) => String(index + 1))
  }

  /** The numbers that `/edit` takes. */
  async questionNumbers(): Promise<readonly string[]> {
    return (await this.#questions()).map((_, index) => String(index + 1))
  }

  async #switch(number: string): Promise<void> {
    const message = /^\d+$/.test(number) ? this.#listed[Number(number) - 1] : undefined
    // The numbers name other messages once another line is active.
    this.#listed = []
    if (message === undefined) throw new Error('/branches takes a number that it lists.')
    await this.#engine.switchBranch(message.id)
    await this.#parts.library.show({ all: false })
  }

  async #list(): Promise<void> {
    const { terminal, session } = this.#parts
    const line = await session.messages()
    const active = new Set(line.map(({ id }) => id))
    const text = new Map(line.map((message) => [message.id, message.text]))
    const places = await this.#alternatives()
    this.#listed = places.flat()
    let number = 0
    for (const place of places) {
      const { parentId } = place[0] as Message
      const before = parentId === undefined ? undefined : text.get(parentId)
      terminal.note(before === undefined ? 'At the beginning:' : `After "${this.#short(before)}":`)
      for (const message of place) {
        const mark = active.has(message.id) ? '*' : ' '
        const shown = this.#short(message.text) || `(no text, ${message.status})`
        terminal.line(`${mark}${String((number += 1)).padStart(3)}  ${shown}`)
      }
    }
  }

  /** The siblings at each place of the line where there are some, in the order of the line. */
  async #alternatives(): Promise<readonly (readonly Message[])[]> {
    const line = await this.#parts.session.messages()
    const places: (readonly Message[])[] = []
    for (const { id, siblings } of line) {
      if (siblings !== undefined) places.push(await this.#engine.listBranches(id))
    }
    return places
  }

  async #questions(): Promise<readonly Message[]> {
    return (await this.#parts.session.messages()).filter(({ role }) => role === 'user')
  }

  async #question(number: string): Promise<Message> {
    const questions = await this.#questions()
    if (questions.length === 0) throw new Error('There is no question to edit yet.')
    if (number === '') return questions.at(-1) as Message
    const question = /^\d+$/.test(number) ? questions[Number(number) - 1] : undefined
    if (question !== undefined) return question
    throw new Error(
      `/edit takes the number of a question of yours, counted from the first: 1 to ${questions.length}.`,
    )
  }

  #tellPlace(name: string, { siblings }: Message): void {
    if (siblings === undefined) return
    const { index, count } = siblings
    this.#parts.terminal.note(`${name} ${index + 1} of ${count}: /branches has the others.`)
  }

  /** As much of a text as fits into a row. */
  #short(text: string): string {
    const { columns } = this.#parts.terminal
    return plainLine(text, Math.min(LONGEST, Math.max(columns - 2 * MARGIN, MARGIN)))
  }
}
