/** The transcript of the open conversation. */
import { h, setChildren, setText } from '../elements.ts'
import { Seconds } from '../frames.ts'
import { TEXTS } from '../texts.ts'
import { FailureView } from './failure-view.ts'
import type { Failure } from './failures.ts'
import { lineOf, type Line, type LineItem } from './line.ts'
import { MessageView, type MessageActions } from './message-view.ts'
import type { OpenChat } from './open-chat.ts'
import { Scrolling } from './scrolling.ts'

export interface TranscriptEvents extends MessageActions {
  /** Answers a call of a tool that waits. */
  answer(callId: string, isApproved: boolean): void
  remedy(failure: Failure): void
}

export class Transcript {
  readonly #list = h('ol', { class: 'messages' })
  readonly #status = h('p', { class: 'status' })
  readonly #note = h('p', { class: 'note' })
  readonly #earlier = h(
    'button',
    { type: 'button', class: 'button earlier' },
    TEXTS.earlierMessages,
  )
  readonly #failure: FailureView
  readonly #content: HTMLElement
  readonly element: HTMLElement
  readonly scrolling: Scrolling
  readonly #events: TranscriptEvents
  readonly #views = new Map<string, MessageView>()
  readonly #seconds = new Seconds(() => this.#showStatus())
  #chat: OpenChat | undefined
  #length = 0

  constructor(events: TranscriptEvents) {
    this.#events = events
    this.#failure = new FailureView((failure) => events.remedy(failure))
    this.#content = h(
      'div',
      { class: 'column' },
      this.#earlier,
      this.#list,
      this.#status,
      this.#note,
      this.#failure.element,
    )
    this.element = h('main', { id: 'transcript', tabindex: -1 }, this.#content)
    this.scrolling = new Scrolling(this.element, this.#content)
    this.#earlier.addEventListener('click', () => void this.#readEarlier())
  }

  /** Shows another conversation, or none. */
  open(chat: OpenChat | undefined): void {
    this.#chat = chat
    this.#views.clear()
    this.#list.replaceChildren()
    this.#length = 0
    this.scrolling.toEnd()
    this.update()
  }

  update(): void {
    const chat = this.#chat
    const { turn, reply } = chat?.state ?? {}
    const line = lineOf(chat?.messages ?? [], turn, reply)
    this.#showMessages(line, turn?.id)
    this.#earlier.hidden = chat?.hasEarlier !== true
    this.#showEnd(line.items.at(-1))
    this.#showStatus()
    const length = line.items.length * 1e9 + (reply?.text.length ?? 0) + (reply?.parts.length ?? 0)
    if (length > this.#length) this.scrolling.grew()
    this.#length = length
  }

  #showMessages({ items, results }: Line, runningId: string | undefined): void {
    const chat = this.#chat
    const { tools = [], calls = [] } = chat?.state ?? {}
    const toolsById = new Map(tools.map((each) => [each.toolCallId, each]))
    const questions = new Map(
      calls
        .filter(({ waitsFor }) => waitsFor === 'decision')
        .map(({ toolCallId, callId }) => [
          toolCallId,
          (isApproved: boolean) => this.#events.answer(callId, isApproved),
        ]),
    )
    for (const item of items) {
      let view = this.#views.get(item.id)
      if (view === undefined) {
        view = new MessageView(item, this.#events)
        this.#views.set(item.id, view)
      }
      view.update(item, {
        isRunning: item.turnId === runningId && item.role === 'assistant',
        isBusy: runningId !== undefined,
        receipt: chat?.receipts.get(item.turnId),
        results,
        tools: toolsById,
        questions,
      })
    }
    setChildren(
      this.#list,
      items.flatMap(({ id }) => this.#views.get(id)?.element ?? []),
    )
    const shown = new Set(items.map(({ id }) => id))
    for (const id of this.#views.keys()) if (!shown.has(id)) this.#views.delete(id)
  }

  /** Why the last turn ended, if it did not end well. */
  #showEnd(last: LineItem | undefined): void {
    const chat = this.#chat
    const isOver = chat !== undefined && chat.state.turn === undefined && last !== undefined
    const status = last?.message?.status
    const isBad = last?.role === 'user' || status === 'failed' || status === 'interrupted'
    const ended = isOver && isBad ? chat.ended(last.turnId) : undefined
    let note = ''
    let failure = ended?.failure
    if (last?.role === 'user' && ended?.status === 'cancelled') note = TEXTS.stoppedEmpty
    if (last?.role === 'user' && ended?.status === 'interrupted') note = TEXTS.interruptedEmpty
    if (ended !== undefined && failure === undefined && ended.status !== 'done') {
      failure = this.#again(last?.turnId ?? '', ended.status, note)
    }
    if (failure?.message === note) note = ''
    setText(this.#note, note)
    this.#note.hidden = note === ''
    this.#failure.show(failure)
  }

  #remembered: { readonly key: string; readonly failure: Failure } | undefined

  /** The same object for the same end, so that nothing is shown anew. */
  #again(turnId: string, code: string, note: string): Failure {
    const key = `${turnId} ${code}`
    if (this.#remembered?.key !== key) {
      const message = note || TEXTS.interrupted
      this.#remembered = { key, failure: { code, message, remedy: 'retry', at: undefined } }
    }
    return this.#remembered.failure
  }

  #showStatus(): void {
    const chat = this.#chat
    const isRunning = chat?.state.turn !== undefined
    const words = isRunning ? chat.progress.words(chat.state.phase) : ''
    setText(this.#status, words)
    this.#status.hidden = words === ''
    this.#seconds.run(isRunning && chat.progress.isWaiting)
  }

  async #readEarlier(): Promise<void> {
    await this.#chat?.readEarlier()
    this.scrolling.keepPlace(() => this.update())
  }

  /** Puts the last question into a box. @returns false if there is none */
  editLast(): boolean {
    const chat = this.#chat
    if (chat === undefined || chat.state.turn !== undefined) return false
    const last = chat.messages.findLast(({ role }) => role === 'user')
    const view = last === undefined ? undefined : this.#views.get(last.id)
    view?.edit()
    return view !== undefined
  }
}
