/**
 * The engine-wide settings: airplane mode, and the preferred model for each purpose.
 *
 * Knows nothing of the work that airplane mode stops.
 */
import type { SettingStore } from '../../persistence/ports/setting-store.ts'
import { MODEL_PURPOSES, type EngineSettings, type ModelPurpose } from '../../protocol/endpoint.ts'

const AIRPLANE_SETTING = 'airplane-mode'
const MODEL_SETTING = 'model-preference:'

export class Preferences {
  readonly #store: SettingStore
  readonly #models = new Map<ModelPurpose, string>()
  #airplaneMode = false
  /**
   * The unfinished switch of the mode, if any. The next switch waits for it, so the last call
   * decides.
   */
  #switching: Promise<boolean> | undefined

  private constructor(store: SettingStore) {
    this.#store = store
  }

  static async open(store: SettingStore): Promise<Preferences> {
    const preferences = new Preferences(store)
    const settings = await store.listSettings()
    preferences.#airplaneMode = settings.get(AIRPLANE_SETTING) === true
    for (const purpose of MODEL_PURPOSES) {
      const model = settings.get(MODEL_SETTING + purpose)
      if (typeof model === 'string') preferences.#models.set(purpose, model)
    }
    return preferences
  }

  get airplaneMode(): boolean {
    return this.#airplaneMode
  }

  /** The model preferred for a purpose in the present mode. */
  model(purpose: 'chat' | 'title'): string | undefined {
    return this.#models.get(this.#airplaneMode ? `airplane-${purpose}` : purpose)
  }

  get settings(): EngineSettings {
    return {
      airplaneMode: this.#airplaneMode,
      modelPreferences: Object.fromEntries(this.#models),
    }
  }

  /**
   * Switches the mode. Airplane mode takes effect at once, before it is on disk, so that no
   * request leaves to another endpoint meanwhile. If it cannot be written, the mode is restored.
   * Resolves to true if the mode was another one before.
   *
   * @param stopOnlineWork - ends the work at other endpoints before the mode is written
   */
  setAirplaneMode(on: boolean, stopOnlineWork: () => Promise<void>): Promise<boolean> {
    const turn = () => this.#switch(on, stopOnlineWork)
    const switching = this.#switching?.then(turn, turn) ?? turn()
    this.#switching = switching
    const over = () => {
      if (this.#switching === switching) this.#switching = undefined
    }
    switching.then(over, over)
    return switching
  }

  async #switch(on: boolean, stopOnlineWork: () => Promise<void>): Promise<boolean> {
    const before = this.#airplaneMode
    if (on) this.#airplaneMode = true
    try {
      if (on) await stopOnlineWork()
      await this.#store.putSetting(AIRPLANE_SETTING, on)
    } catch (error) {
      this.#airplaneMode = before
      throw error
    }
    this.#airplaneMode = on
    return before !== on
  }

  /** Returns true if another model, or none, was preferred before. */
  async setModel(purpose: ModelPurpose, model: string | null): Promise<boolean> {
    await this.#store.putSetting(MODEL_SETTING + purpose, model ?? undefined)
    const before = this.#models.get(purpose) ?? null
    if (model === null) this.#models.delete(purpose)
    else this.#models.set(purpose, model)
    return before !== model
  }
}
