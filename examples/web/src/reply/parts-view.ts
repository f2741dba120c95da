/** The parts of a message, in order: text, reasoning, tool calls with their results, files. */
import { h, setChildren } from '../elements.ts'
import { MarkdownView } from '../markdown/markdown-view.ts'
import { TEXTS } from '../texts.ts'
import type { Part, ToolProgress, ToolResultPart } from '../views.ts'
import { ReasoningView } from './reasoning-view.ts'
import { ToolCard } from './tool-card.ts'

export interface PartsContext {
  /** True while parts may grow. */
  readonly isGrowing: boolean
  /** True if the turn still runs. */
  readonly isRunning: boolean
  /** Results that came as messages of their own. */
  readonly results: ReadonlyMap<string, ToolResultPart>
  /** What calls without a result do now, by the provider's id of the call. */
  readonly tools: ReadonlyMap<string, ToolProgress>
  /** The answers that calls wait for, by the provider's id of the call. */
  readonly questions: ReadonlyMap<string, (isApproved: boolean) => void>
}

interface PartView {
  readonly type: Part['type']
  readonly element: HTMLElement
  update(part: Part, isLast: boolean, context: PartsContext): void
}

export class PartsView {
  readonly #messageId: string
  readonly element = h('div', { class: 'parts' })
  readonly #views: PartView[] = []
  readonly #results = new Map<string, ToolResultPart>()
  #isFirst = true

  constructor(messageId: string) {
    this.#messageId = messageId
  }

  update(parts: readonly Part[], context: PartsContext): void {
    const isFresh = this.#isFirst && parts.length <= 1
    this.#isFirst = false
    for (const part of parts) {
      if (part.type === 'tool-result') this.#results.set(part.toolCallId, part)
    }
    const last = parts.length - 1
    for (const [index, part] of parts.entries()) {
      let view = this.#views[index]
      if (view?.type !== part.type)
        view = this.#views[index] = this.#viewOf(part, index, isFresh, parts[index - 1])
      view.update(part, index === last, context)
    }
    this.#views.length = parts.length
    setChildren(
      this.element,
      this.#views.map(({ element }) => element),
    )
  }

  #viewOf(part: Part, index: number, isFresh: boolean, before: Part | undefined): PartView {
    switch (part.type) {
      case 'text':
        return textView()
      case 'reasoning':
        return reasoningView(`${this.#messageId} ${index}`, isFresh || this.#views.length > 0)
      case 'tool-call':
        return this.#toolView(part.toolName)
      case 'tool-result':
        return hiddenView(part)
      case 'provider-tool': {
        // A call and its result are two parts.
        const isTold = before?.type === part.type && before.toolName === part.toolName
        return isTold ? hiddenView(part) : providerToolView(part)
      }
      default:
        return fileView(part)
    }
  }

  #toolView(name: string): PartView {
    const card = new ToolCard(name)
    return {
      type: 'tool-call',
      element: card.element,
      update: (part, isLast, context) => {
        const { isGrowing, isRunning, results, tools, questions } = context
        if (part.type !== 'tool-call') return
        const { toolCallId } = part
        card.update({
          call: part,
          result: this.#results.get(toolCallId) ?? results.get(toolCallId),
          progress: tools.get(toolCallId),
          isRunning,
          isWritten: !isGrowing || !isLast || tools.has(toolCallId),
          answer: questions.get(toolCallId),
        })
      },
    }
  }
}

function textView(): PartView {
  const view = new MarkdownView()
  return {
    type: 'text',
    element: view.element,
    update: (part, isLast, { isGrowing }) => {
      if (part.type === 'text') view.update(part.text, !isGrowing || !isLast)
    },
  }
}

function reasoningView(key: string, isFresh: boolean): PartView {
  const view = new ReasoningView(key)
  return {
    type: 'reasoning',
    element: view.element,
    update: (part, isLast, { isGrowing }) => {
      if (part.type === 'reasoning') view.update(part.text, !isGrowing || !isLast, isFresh)
    },
  }
}

/** What another part shows: a result is in the card of its call. */
function hiddenView({ type }: Part): PartView {
  return { type, element: h('div', { hidden: true }), update: () => undefined }
}

function providerToolView({ type, toolName }: Extract<Part, { type: 'provider-tool' }>): PartView {
  const element = h('div', { class: 'provider-tool', dir: 'auto' }, TEXTS.providerTool(toolName))
  return { type, element, update: () => undefined }
}

function fileView(part: Extract<Part, { type: 'file' }>): PartView {
  const { mediaType, url } = part
  const name = TEXTS.file(mediaType)
  const isPicture = /^data:image\/(png|jpeg|gif|webp)[;,]/i.test(url)
  const element = isPicture
    ? h('div', { class: 'file' }, h('img', { src: url, alt: name }))
    : h('div', { class: 'file' }, name)
  return { type: 'file', element, update: () => undefined }
}
