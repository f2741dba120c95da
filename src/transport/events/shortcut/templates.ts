/**
 * Keeps the templates made from streams of a dialect, for later streams.
 *
 * A reply of few deltas would be over before a template of its own was worth its cost. Knows
 * nothing of how a template reads.
 */
export type { EventTemplate, TakeTextOnly } from './template.ts'
import { type EventForm, EventTemplate, type PlainEvent } from './template.ts'

/** More than the providers and models that one application asks at the same time. */
const MOST = 8

export class EventTemplates {
  readonly #form: EventForm
  /** The newest comes first. */
  readonly #known: EventTemplate[] = []

  constructor(form: EventForm) {
    this.#form = form
  }

  /** Returns a template that matches the event, if one is known. */
  find({ raw }: PlainEvent): EventTemplate | undefined {
    return this.#known.find((template) => template.read(raw, 0, Infinity, ignore) === raw.length)
  }

  /** Makes a template of an event, if that is possible, and keeps it. */
  learn(event: PlainEvent): EventTemplate | undefined {
    const template = EventTemplate.of(event, this.#form)
    if (template === undefined) return undefined
    this.#known.unshift(template)
    if (this.#known.length > MOST) this.#known.pop()
    return template
  }
}

function ignore(): void {}
