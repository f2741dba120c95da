/** The switch of airplane mode. */
import { h, icon } from '../elements.ts'
import { readSettings, setAirplaneMode } from '../requests.ts'
import { TEXTS } from '../texts.ts'

export class AirplaneSwitch {
  readonly element: HTMLButtonElement
  readonly #failed: (error: unknown) => void
  readonly #changed: (isOn: boolean) => void
  #isOn = false
  /** Counts what was asked for: an answer to what came before tells nothing any more. */
  #changes = 0

  constructor(changed: (isOn: boolean) => void, failed: (error: unknown) => void) {
    this.#failed = failed
    this.#changed = changed
    this.element = h(
      'button',
      {
        type: 'button',
        class: 'switch',
        role: 'switch',
        'aria-checked': 'false',
        onclick: () => void this.set(!this.#isOn),
      },
      icon('plane'),
      h('span', {}, TEXTS.airplane),
      h('span', { class: 'knob' }),
    )
    // Another tab, or the terminal, may have switched it.
    addEventListener('focus', () => void this.read())
  }

  read(): Promise<void> {
    return this.#show(readSettings())
  }

  async set(isOn: boolean): Promise<void> {
    this.#changes += 1
    await this.#show(setAirplaneMode(isOn))
    // A read that was on its way meanwhile may have been answered before the change.
    this.#changes += 1
  }

  async #show(answer: ReturnType<typeof readSettings>): Promise<void> {
    const asked = this.#changes
    try {
      const { airplaneMode } = await answer
      if (asked !== this.#changes) return
      this.#isOn = airplaneMode
      this.element.setAttribute('aria-checked', String(airplaneMode))
      this.#changed(airplaneMode)
    } catch (error) {
      this.#failed(error)
    }
  }
}
