/** The choice of the model, and of the endpoint that has it. */
import type { PageSetup } from '../../setup.ts'
import { h } from '../elements.ts'
import { TEXTS } from '../texts.ts'

export interface ModelChoice {
  readonly endpoint: string
  readonly model: string
}

const KEPT = 'colloquy-model'

export class ModelSelect {
  readonly element = h('select', { class: 'model-select', 'aria-label': TEXTS.model })
  #setup: PageSetup | undefined
  #shown: Partial<ModelChoice> = {}
  #isAirplane = false

  /** @param changed - called when a person chooses */
  constructor(changed: (choice: ModelChoice) => void) {
    this.element.addEventListener('change', () => {
      const choice = JSON.parse(this.element.value) as ModelChoice
      this.#shown = choice
      keep(choice)
      changed(choice)
    })
  }

  setUp(setup: PageSetup): void {
    this.#setup = setup
    this.#fill()
  }

  setAirplane(isOn: boolean): void {
    this.#isAirplane = isOn
    this.#fill()
  }

  /** Shows the model of a conversation; without one, the one that a new conversation gets. */
  show(conversation: { readonly endpoint?: string; readonly model?: string } | undefined): void {
    const { endpoint, model } = conversation ?? {}
    const choice = endpoint !== undefined && model !== undefined ? { endpoint, model } : this.choice
    if (choice?.endpoint === this.#shown.endpoint && choice?.model === this.#shown.model) return
    this.#shown = choice ?? {}
    this.#fill()
  }

  /** What a new conversation asks: the last choice if it is still there, else the first model. */
  get choice(): ModelChoice | undefined {
    const kept = keptChoice()
    const all = this.#choices
    return (
      all.find((each) => each.endpoint === kept?.endpoint && each.model === kept.model) ?? all[0]
    )
  }

  focus(): void {
    this.element.focus()
    this.element.showPicker?.()
  }

  get #choices(): readonly ModelChoice[] {
    return (this.#setup?.endpoints ?? [])
      .filter(({ name }) => name !== 'airplane')
      .flatMap((endpoint) => choicesOf(endpoint))
  }

  #fill(): void {
    const { endpoint, model } = this.#shown
    const groups = (this.#setup?.endpoints ?? []).filter(
      ({ name }) => (name === 'airplane') === this.#isAirplane,
    )
    const known = groups.flatMap((each) => choicesOf(each))
    const isKnown = known.some((each) => each.endpoint === endpoint && each.model === model)
    if (!isKnown && !this.#isAirplane && endpoint !== undefined && model !== undefined) {
      known.unshift({ endpoint, model })
    }
    const isPlain = new Set(known.map((each) => each.endpoint)).size === 1
    this.element.replaceChildren(
      ...known.map((choice) => {
        const name = isPlain ? choice.model : `${choice.model} · ${choice.endpoint}`
        return h('option', { value: JSON.stringify(choice) }, name)
      }),
    )
    this.element.hidden = known.length === 0
    // In airplane mode the engine chooses.
    this.element.disabled = this.#isAirplane
    const at = known.findIndex((each) => each.endpoint === endpoint && each.model === model)
    this.element.selectedIndex = Math.max(at, 0)
  }
}

function choicesOf({ name, model, models }: PageSetup['endpoints'][number]): ModelChoice[] {
  const names = new Set([...(model === undefined ? [] : [model]), ...models])
  return [...names].map((each) => ({ endpoint: name, model: each }))
}

function keptChoice(): ModelChoice | undefined {
  try {
    return (JSON.parse(localStorage.getItem(KEPT) ?? 'null') as ModelChoice | null) ?? undefined
  } catch {
    // The browser keeps nothing for this page, or something else.
    return undefined
  }
}

function keep(choice: ModelChoice): void {
  try {
    localStorage.setItem(KEPT, JSON.stringify(choice))
  } catch {
    // It is forgotten by a reload: nothing else can be done.
  }
}
