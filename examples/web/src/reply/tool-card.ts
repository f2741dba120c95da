/** The card of a tool call: its name, arguments, state and result. */
import { h, icon, setChildren, setText } from '../elements.ts'
import { TEXTS } from '../texts.ts'
import type { ToolCallPart, ToolProgress, ToolResultPart } from '../views.ts'

export interface ToolCardState {
  readonly call: ToolCallPart
  readonly result: ToolResultPart | undefined
  readonly progress: ToolProgress | undefined
  /** True while its turn runs. */
  readonly isRunning: boolean
  /** True if the arguments are whole. */
  readonly isWritten: boolean
  /** Answers the call. Absent unless it waits for a yes or a no. */
  readonly answer: ((isApproved: boolean) => void) | undefined
}

type Tone = 'quiet' | 'busy' | 'good' | 'bad'

/** The longest text of a value that is shown. A tool may give megabytes. */
const LONGEST = 20_000

export class ToolCard {
  readonly #state = h('span', { class: 'tool-state' })
  readonly #body = h('div', { class: 'tool-body' })
  readonly #summary: HTMLElement
  readonly element: HTMLDetailsElement
  readonly #arguments = new ValueView(TEXTS.tool.arguments)
  readonly #progress = new ValueView(TEXTS.tool.progress)
  readonly #result = new ValueView(TEXTS.tool.result)
  readonly #question: HTMLElement
  #answer: ToolCardState['answer']

  constructor(name: string) {
    this.#summary = h(
      'summary',
      {},
      icon('tool'),
      h('span', { class: 'tool-name' }, name),
      this.#state,
    )
    const choice = (text: string, isApproved: boolean, look: string) =>
      h('button', { type: 'button', class: look, onclick: () => this.#give(isApproved) }, text)
    this.#question = h(
      'div',
      { class: 'tool-question', role: 'group', 'aria-label': TEXTS.tool.question(name) },
      h('p', {}, TEXTS.tool.question(name)),
      h(
        'div',
        { class: 'tool-choices' },
        choice(TEXTS.tool.approve, true, 'button primary'),
        choice(TEXTS.tool.deny, false, 'button'),
      ),
    )
    this.element = h('details', { class: 'tool-card' }, this.#summary, this.#body)
  }

  update(card: ToolCardState): void {
    const { label, tone } = stateOf(card)
    setText(this.#state, label)
    this.element.dataset['tone'] = tone
    const { call, result, progress } = card
    this.#arguments.show(argumentsText(call))
    const sections = [this.#arguments.element]
    // Whoever is asked has to see what for.
    if (card.answer !== undefined && this.#answer === undefined) this.element.open = true
    this.#answer = card.answer
    if (card.answer !== undefined) sections.push(this.#question)
    if (progress?.progress !== undefined && result === undefined) {
      this.#progress.show(valueText(progress.progress))
      sections.push(this.#progress.element)
    }
    if (result !== undefined) {
      this.#result.show(valueText(result.output))
      sections.push(this.#result.element)
    }
    setChildren(this.#body, sections)
  }

  #give(isApproved: boolean): void {
    // The buttons go, and the focus with them.
    this.#summary.focus()
    this.#answer?.(isApproved)
  }
}

/** A value with its name, as text. */
class ValueView {
  readonly #text = h('pre', { tabindex: 0, dir: 'auto' })
  readonly element: HTMLElement

  constructor(name: string) {
    this.#text.setAttribute('role', 'region')
    this.#text.setAttribute('aria-label', name)
    this.element = h(
      'div',
      { class: 'tool-value' },
      h('div', { class: 'tool-label' }, name),
      this.#text,
    )
  }

  show(text: string): void {
    setText(this.#text, text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)
  }
}

function stateOf(card: ToolCardState): { readonly label: string; readonly tone: Tone } {
  const { result, progress, isRunning, isWritten, answer } = card
  const { states, codes } = TEXTS.tool
  if (result?.code !== undefined) return { label: codes[result.code], tone: 'bad' }
  if (result?.isError === true) return { label: states.failed, tone: 'bad' }
  if (result !== undefined) return { label: states.done, tone: 'good' }
  if (answer !== undefined) return { label: states.asking, tone: 'busy' }
  if (!isRunning) return { label: states.none, tone: 'quiet' }
  if (!isWritten) return { label: states.writing, tone: 'busy' }
  const state = progress?.state
  const label = state === 'started' || state === 'waiting' ? states[state] : states.pending
  return { label, tone: 'busy' }
}

function argumentsText({ input, inputText }: ToolCallPart): string {
  if (input !== undefined) return valueText(input)
  try {
    return valueText(JSON.parse(inputText))
  } catch {
    // Half of the arguments, or what a model took for JSON.
    return inputText === '' ? TEXTS.tool.noArguments : inputText
  }
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? '')
}
