/**
 * The templates that streams of a dialect have taught, for the streams to come.
 *
 * A reply of few deltas would be over before it had made one of its own worth making.
 */
export type { EventTemplate, TakeTextOnly } from './template.ts'
import { type EventForm, EventTemplate, type PlainEvent } from './template.ts'

/** More than the providers and models that one application talks to at the same time. */
const MOST = 8

export class EventTemplates {
  readonly #form: EventForm
  /** The newest first. */
  readonly #known: EventTemplate[] = []

  constructor(form: EventForm) {
    this.#form = form
  }

  /** A template that reads this event, if one is known. */
  find({ raw }: PlainEvent): EventTemplate | undefined {
    return this.#known.find((template) => template.read(raw, 0, Infinity, ignore) === raw.length)
  }

  /** Makes a template of an event, if that can be done. */
  learn(event: PlainEvent): EventTemplate | undefined {
    const template = EventTemplate.of(event, this.#form)
    if (template === undefined) return undefined
    this.#known.unshift(template)
    if (this.#known.length > MOST) this.#known.pop()
    return template
  }
}

function ignore(): void {}
