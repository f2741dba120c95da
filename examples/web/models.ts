/** The endpoints of the page: how they are put into the engine, and which models they offer. */
import type { Engine } from 'colloquy'
import { AIRPLANE, type Endpoint, type Endpoints } from '../chat/endpoints.ts'
import { explain } from '../chat/explanation.ts'
import type { PageSetup } from './setup.ts'

/** A provider that does not answer in time must not keep the page waiting. */
const LIST_MS = 5_000

export class PageModels {
  readonly #engine: Engine
  readonly #endpoints: Endpoints

  constructor(engine: Engine, endpoints: Endpoints) {
    this.#engine = engine
    this.#endpoints = endpoints
  }

  get #all(): readonly Endpoint[] {
    const { all, airplane } = this.#endpoints
    return [...all, airplane]
  }

  /** Puts the endpoints into the engine. @returns what is wrong with those that were left out */
  async put(): Promise<readonly string[]> {
    const problems: string[] = []
    for (const { name, url, apiKey, model, dialect } of this.#all) {
      try {
        await this.#engine.putEndpoint(name, { url, apiKey, model, dialect })
      } catch (error) {
        problems.push(`The endpoint ${name} is left out: ${explain(error)}`)
      }
    }
    return problems
  }

  async setup(): Promise<PageSetup> {
    const endpoints = await Promise.all(
      this.#all.map(async ({ name, model }) => ({
        name,
        model,
        models: await this.#offered(name),
      })),
    )
    await this.#giveAirplaneModel(endpoints)
    return { isPractice: this.#endpoints.practice, endpoints }
  }

  /** In airplane mode the engine chooses the model, so it has to know one. */
  async #giveAirplaneModel(endpoints: PageSetup['endpoints']): Promise<void> {
    const airplane = endpoints.find(({ name }) => name === AIRPLANE)
    const [first] = airplane?.models ?? []
    if (airplane === undefined || airplane.model !== undefined || first === undefined) return
    const { modelPreferences } = await this.#engine.getSettings()
    if (modelPreferences['airplane-chat'] !== undefined) return
    await this.#engine.setModelPreference('airplane-chat', first)
  }

  /** Nothing if the provider does not tell: its default model can be asked all the same. */
  async #offered(name: string): Promise<readonly string[]> {
    try {
      return await this.#engine.listModels(name, { signal: AbortSignal.timeout(LIST_MS) })
    } catch {
      return []
    }
  }
}
