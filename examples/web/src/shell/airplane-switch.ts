/** The switch of airplane mode. */
import { h, icon } from '../elements.ts'
import { readSettings, setAirplaneMode } from '../requests.ts'
import { TEXTS } from '../texts.ts'

export class AirplaneSwitch {
  readonly element: HTMLButtonElement
  readonly #failed: (error: unknown) => void
  readonly #changed: (isOn: boolean) => void
  #isOn = false

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

  async read(): Promise<void> {
    try {
      this.#show((await readSettings()).airplaneMode)
    } catch (error) {
      this.#failed(error)
    }
  }

  async set(isOn: boolean): Promise<void> {
    try {
      this.#show((await setAirplaneMode(isOn)).airplaneMode)
    } catch (error) {
      this.#failed(error)
    }
  }

  #show(isOn: boolean): void {
    this.#isOn = isOn
    this.element.setAttribute('aria-checked', String(isOn))
    this.#changed(isOn)
  }
}
