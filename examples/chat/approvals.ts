/** Asks the person at the terminal about calls that need an approval. */
import type { CallRecord, Engine } from 'colloquy'
import { explain } from './explanation.ts'
import type { Lines } from './lines.ts'
import type { Terminal } from './terminal.ts'
import { askedLine } from './tool-lines.ts'

const WAITS = 'The call waits. /calls asks again.'

interface ApprovalsParts {
  readonly terminal: Terminal
  readonly lines: Lines
}

export class Approvals {
  readonly #engine: Engine
  readonly #parts: ApprovalsParts

  constructor(engine: Engine, parts: ApprovalsParts) {
    this.#engine = engine
    this.#parts = parts
  }

  /** Asks about each waiting call of a conversation. Returns false if one of them still waits. */
  async ask(conversationId: string): Promise<boolean> {
    for (const call of await this.#engine.listWaitingCalls({ conversationId })) {
      this.#tell(call)
      if (call.waitsFor === 'output') {
        this.#parts.terminal.note('It waits for an output, which this chat cannot give.')
        return false
      }
      if (!(await this.#decide(call))) return false
    }
    return true
  }

  /** Shows the waiting calls of a conversation. */
  async list(conversationId: string): Promise<void> {
    for (const call of await this.#engine.listWaitingCalls({ conversationId })) this.#tell(call)
  }

  #tell({ toolName, input }: CallRecord): void {
    this.#parts.terminal.line(askedLine(toolName, input))
  }

  /** Returns false if the person gave no answer: then nothing is decided. */
  async #decide({ callId }: CallRecord): Promise<boolean> {
    const { lines, terminal } = this.#parts
    for (;;) {
      const answer = (await lines.next('Run it? [y/n] ', 'decision'))?.trim()
      if (answer === undefined || answer === '') {
        terminal.note(WAITS)
        return false
      }
      const decision = decisionIn(answer)
      if (decision === undefined) {
        terminal.note('y runs it. n does not, and may be followed by a reason for the model.')
        continue
      }
      try {
        await this.#engine.decide(callId, decision)
        return true
      } catch (error) {
        terminal.problem(explain(error))
      }
    }
  }
}

/** Only a whole "y" or "yes" is one. */
function decisionIn(answer: string) {
  if (/^y(es)?$/i.test(answer)) return { approved: true }
  const [isNo, reason] = /^no?(?:[\s,:]+([^]+))?$/i.exec(answer) ?? []
  if (isNo === undefined) return undefined
  return { approved: false, reason: reason?.slice(0, 2000) }
}
