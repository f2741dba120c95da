/** One message: what was said, how it ended, its figures, and what can be done with it. */
import { copyButton } from '../copying.ts'
import { h, iconButton, setChildren, setText } from '../elements.ts'
import { PartsView } from '../reply/parts-view.ts'
import { count, fullTime, TEXTS } from '../texts.ts'
import type { Message, Receipt, ToolProgress, ToolResultPart, Usage } from '../views.ts'
import { EditView } from './edit-view.ts'
import type { LineItem } from './line.ts'

export interface MessageActions {
  edit(message: Message, text: string): Promise<void>
  regenerate(message: Message): void
  /** Goes to the version before (-1) or after (1) this one. */
  turnTo(message: Message, step: -1 | 1): void
}

export interface MessageContext {
  /** True if the turn of this message runs. */
  readonly isRunning: boolean
  /** True if any turn runs: then nothing can be changed. */
  readonly isBusy: boolean
  readonly receipt: Receipt | undefined
  readonly results: ReadonlyMap<string, ToolResultPart>
  readonly tools: ReadonlyMap<string, ToolProgress>
  readonly questions: ReadonlyMap<string, (isApproved: boolean) => void>
}

export class MessageView {
  readonly element: HTMLElement
  readonly #actions: MessageActions
  readonly #parts: PartsView
  readonly #text = h('div', { class: 'said', dir: 'auto' })
  readonly #note = h('p', { class: 'note' })
  readonly #figures = h('p', { class: 'figures' })
  readonly #tools = h('div', { class: 'message-tools' })
  readonly #isUser: boolean
  #item: LineItem | undefined
  #context: MessageContext | undefined
  #editor: EditView | undefined

  constructor({ id, role }: LineItem, actions: MessageActions) {
    this.#actions = actions
    this.#isUser = role === 'user'
    this.#parts = new PartsView(id)
    const speaker = h('h2', { class: 'hidden' }, this.#isUser ? TEXTS.you : TEXTS.reply)
    const body = this.#isUser ? this.#text : this.#parts.element
    this.element = h('li', { class: `message ${role}`, 'data-message': id })
    this.element.append(speaker, body, this.#note, this.#foot())
  }

  #foot(): HTMLElement {
    return h('div', { class: 'message-foot' }, this.#figures, this.#tools)
  }

  get isEditing(): boolean {
    return this.#editor !== undefined
  }

  update(item: LineItem, context: MessageContext): void {
    if (this.#isSame(item, context)) return
    this.#item = item
    this.#context = context
    const { message } = item
    if (this.#isUser) setText(this.#text, textOf(item))
    else {
      this.#parts.update(item.parts, {
        isGrowing: message === undefined,
        isRunning: context.isRunning,
        results: context.results,
        tools: context.tools,
        questions: context.questions,
      })
    }
    this.element.classList.toggle('growing', message === undefined)
    const note = noteOf(message, context.receipt)
    setText(this.#note, note)
    this.#note.hidden = note === ''
    const figures = message?.usage === undefined ? '' : figuresOf(message.usage, message.model)
    setText(this.#figures, figures)
    this.#showTools(message, context)
  }

  #isSame(item: LineItem, context: MessageContext): boolean {
    const had = this.#context
    return (
      had !== undefined &&
      this.#item?.parts === item.parts &&
      this.#item.message === item.message &&
      had.isBusy === context.isBusy &&
      had.isRunning === context.isRunning &&
      had.receipt === context.receipt &&
      // Cards show what calls do, which no message has.
      !context.isRunning &&
      had.results.size === context.results.size
    )
  }

  #showTools(message: Message | undefined, { isBusy }: MessageContext): void {
    if (message === undefined || this.#editor !== undefined) return this.#tools.replaceChildren()
    const buttons: Node[] = []
    const { siblings } = message
    if (siblings !== undefined && siblings.count > 1) buttons.push(this.#arrows(siblings, isBusy))
    if (this.#isUser && !isBusy) {
      buttons.push(iconButton(TEXTS.edit, 'pencil', () => this.edit()))
    }
    buttons.push(copyButton(TEXTS.copy, () => this.#item?.message?.text ?? ''))
    if (!this.#isUser && !isBusy) {
      buttons.push(iconButton(TEXTS.regenerate, 'again', () => this.#actions.regenerate(message)))
    }
    this.#tools.title = fullTime(message.createdAt)
    this.#tools.replaceChildren(...buttons)
  }

  #arrows({ index, count: all }: { index: number; count: number }, isBusy: boolean): HTMLElement {
    const turn = (step: -1 | 1) => () => {
      const message = this.#item?.message
      if (message !== undefined) this.#actions.turnTo(message, step)
    }
    return h(
      'span',
      { class: 'branches' },
      iconButton(TEXTS.previousVersion, 'left', turn(-1), { disabled: isBusy || index === 0 }),
      h('span', {}, `${index + 1}/${all}`),
      iconButton(TEXTS.nextVersion, 'right', turn(1), { disabled: isBusy || index + 1 === all }),
    )
  }

  /** Puts the question into a box, in its place. */
  edit(): void {
    const message = this.#item?.message
    if (message === undefined || !this.#isUser || this.#editor !== undefined) return
    const close = () => {
      this.#editor = undefined
      setChildren(this.element, [...heads, this.#text, this.#note, ...rest])
      if (this.#context !== undefined) this.#showTools(this.#item?.message, this.#context)
    }
    const children = [...this.element.children]
    const at = children.indexOf(this.#text)
    const heads = children.slice(0, at)
    const rest = children.slice(at + 2)
    this.#editor = new EditView(message.text, {
      save: async (text) => {
        await this.#actions.edit(message, text)
        close()
      },
      close,
    })
    setChildren(this.element, [...heads, this.#editor.element, this.#note, ...rest])
    this.#tools.replaceChildren()
    this.#editor.focus()
  }
}

function textOf({ parts }: LineItem): string {
  return parts
    .map((part) => {
      if (part.type === 'text') return part.text
      return part.type === 'file' ? `[${TEXTS.file(part.mediaType)}]` : ''
    })
    .join('\n')
    .trim()
}

/** How a reply ended, where that is not seen from its text. */
function noteOf(message: Message | undefined, receipt: Receipt | undefined): string {
  if (message === undefined || message.role !== 'assistant') return ''
  if (message.status === 'cancelled') {
    return TEXTS.stopped(receipt?.partialChars ?? message.text.length)
  }
  if (message.status === 'interrupted') return TEXTS.interrupted
  if (message.status === 'failed') return TEXTS.keptSoFar
  if (message.finishReason === 'length') return TEXTS.cutByLength
  return message.finishReason === 'content-filter' ? TEXTS.filtered : ''
}

function figuresOf(
  { inputTokens, outputTokens, source }: Usage,
  model: string | undefined,
): string {
  const mark = source === 'estimated' ? '~' : ''
  const figure = (value: number | undefined) =>
    value === undefined ? '?' : `${mark}${count(value)}`
  const tokens = TEXTS.tokens(figure(inputTokens), figure(outputTokens))
  return model === undefined ? tokens : `${model} · ${tokens}`
}
