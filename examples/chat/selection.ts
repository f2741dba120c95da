/** The endpoint and the model that are asked now, and how a person chooses others. */
import type { Engine } from 'colloquy'
import { AIRPLANE, type Endpoint, type Endpoints } from './endpoints.ts'
import { explain } from './explanation.ts'
import type { Interrupts } from './interrupts.ts'
import type { Lines } from './lines.ts'
import { MisuseError } from './misuse.ts'
import { plainLine } from './plain-text.ts'
import type { Terminal } from './terminal.ts'

/** Longer lists are cut: a name can be typed, or completed with Tab. */
const LONGEST_LIST = 40

export interface Asking {
  readonly engine: Engine
  readonly endpoints: Endpoints
  readonly lines: Lines
  readonly terminal: Terminal
  readonly interrupts: Interrupts
}

export interface Chosen {
  readonly endpoint: Endpoint
  readonly model: string
}

export class Selection {
  readonly #parts: Asking
  #chosen: Chosen | undefined
  /** The model of airplane mode. Absent while the mode is off. */
  #airplane: Chosen | undefined
  /** The models that were listed last: the numbers that a person types refer to them. */
  #listed: readonly string[] = []

  constructor(parts: Asking) {
    this.#parts = parts
  }

  get isAirplane(): boolean {
    return this.#airplane !== undefined
  }

  /** What is asked now. In airplane mode that is the endpoint of this mode. */
  get now(): Chosen {
    return this.#airplane ?? this.#ordinary
  }

  /** The options of a send. In airplane mode the engine chooses. */
  get sending(): { readonly endpoint?: string; readonly model?: string } {
    return this.#airplane === undefined ? this.stored : {}
  }

  /** The options of a conversation. */
  get stored(): { readonly endpoint: string; readonly model: string } {
    const { endpoint, model } = this.#ordinary
    return { endpoint: endpoint.name, model }
  }

  get #all(): readonly Endpoint[] {
    const { all, airplane } = this.#parts.endpoints
    return [...all, airplane]
  }

  get #ordinary(): Chosen {
    if (this.#chosen === undefined) throw new Error('No model was chosen.')
    return this.#chosen
  }

  /** Stores the endpoints in the engine. One that cannot be used is told of and left out. */
  async open(name: string | undefined, wish: string | undefined): Promise<void> {
    const { engine, terminal } = this.#parts
    const wished = wish === undefined ? undefined : this.parse(wish)
    const first = wished?.endpoint ?? this.#endpointNamed(name)
    const model = wished?.name || first.model
    for (const endpoint of this.#all) {
      try {
        await put(engine, endpoint)
      } catch (error) {
        if (endpoint === first) throw new Error(explain(error, endpoint), { cause: error })
        terminal.note(`The endpoint ${endpoint.name} is left out: ${explain(error, endpoint)}`)
      }
    }
    const { airplaneMode } = await engine.getSettings()
    if (airplaneMode) {
      this.#chosen = { endpoint: first, model: model ?? '' }
      await this.#enterAirplane()
      terminal.note(
        'Airplane mode is on: only the endpoint "airplane" is asked. /airplane off ends it.',
      )
    } else {
      this.#chosen = await this.#choose(first, model)
    }
  }

  /** Goes on with the endpoint and the model of a conversation, where they are still there. */
  restore({ endpoint, model }: { endpoint?: string; model?: string }): void {
    const known = this.#all.find(({ name }) => name === endpoint)
    if (known !== undefined && model !== undefined) this.#chosen = { endpoint: known, model }
    else if (endpoint !== undefined && known === undefined) {
      this.#parts.terminal.note(
        `Its endpoint was ${plainLine(endpoint, 60)}, which is not set up now. Asking ${this.stored.endpoint}.`,
      )
    }
  }

  /** Takes `NAME`, `NAME@ENDPOINT`, `@ENDPOINT`, or a number of the list that was shown last. */
  async change(wish: string): Promise<void> {
    const { name, endpoint } = this.parse(wish)
    const target = endpoint ?? this.now.endpoint
    if (this.isAirplane && target.name !== AIRPLANE) {
      throw new Error(
        'Airplane mode is on: only its own models can be asked. /airplane off ends it.',
      )
    }
    const listed =
      /^\d+$/.test(name) && endpoint === undefined ? this.#listed[Number(name) - 1] : undefined
    const model = listed ?? (name === '' ? target.model : name)
    const chosen = await this.#choose(target, model)
    if (!this.isAirplane) this.#chosen = chosen
    else await this.#useAirplane(chosen.model)
  }

  /** Shows the models of the present endpoint, with numbers. */
  async list(): Promise<void> {
    const { endpoint } = this.now
    const offered = await this.#offered(endpoint)
    this.#show(offered)
  }

  /** The names that may stand after `/model`. */
  async names(): Promise<readonly string[]> {
    if (this.#listed.length === 0)
      this.#listed = await this.#offered(this.now.endpoint).catch(() => [])
    return [...this.#listed, ...this.#all.map(({ name }) => `@${name}`)]
  }

  async setAirplane(on: boolean): Promise<void> {
    if (on) await this.#enterAirplane()
    await this.#parts.engine.setAirplaneMode(on)
    if (on) return
    this.#airplane = undefined
    const { endpoint, model } = this.#ordinary
    this.#chosen = await this.#choose(endpoint, model || endpoint.model)
  }

  /** The endpoint is what follows the last `@`, if there is one of this name: models have `@` too. */
  parse(wish: string): { readonly name: string; readonly endpoint: Endpoint | undefined } {
    const at = wish.lastIndexOf('@')
    const named = wish.slice(at + 1)
    const endpoint = at < 0 ? undefined : this.#all.find(({ name }) => name === named)
    if (endpoint !== undefined) return { name: wish.slice(0, at), endpoint }
    if (at === 0 && !named.includes('/')) this.#endpointNamed(named)
    return { name: wish, endpoint: undefined }
  }

  #endpointNamed(wish: string | undefined): Endpoint {
    const all = this.#all
    // Those that were set up come before the one of airplane mode.
    const found = wish === undefined ? all[0] : all.find(({ name }) => name === wish)
    if (found !== undefined) return found
    const variable = `COLLOQUY_URL_${(wish ?? '').toUpperCase().replaceAll('-', '_')}`
    throw new MisuseError(
      `There is no endpoint ${JSON.stringify(wish)}. There is ${all.map(({ name }) => name).join(', ')}; ${variable} would add it.`,
    )
  }

  async #enterAirplane(): Promise<void> {
    const { airplane } = this.#parts.endpoints
    const { model } = await this.#choose(airplane, airplane.model)
    await this.#useAirplane(model)
  }

  async #useAirplane(model: string): Promise<void> {
    const { engine, endpoints } = this.#parts
    const airplane = { ...endpoints.airplane, model }
    await put(engine, airplane)
    this.#airplane = { endpoint: airplane, model }
  }

  async #choose(endpoint: Endpoint, model: string | undefined): Promise<Chosen> {
    if (model !== undefined && model !== '') return { endpoint, model }
    return { endpoint, model: await this.#pick(endpoint) }
  }

  async #pick(endpoint: Endpoint): Promise<string> {
    const { lines, terminal } = this.#parts
    let offered: readonly string[]
    try {
      offered = await this.#offered(endpoint)
    } catch (error) {
      if (!lines.interactive) throw new Error(explain(error, endpoint), { cause: error })
      terminal.problem(explain(error, endpoint))
      offered = []
    }
    const [only] = offered
    if (only !== undefined && offered.length === 1) return only
    if (!lines.interactive) {
      const names = offered.map((model) => plainLine(model, 100)).join(', ')
      throw new Error(
        `Which model? Set ${endpoint.variables.model}, or use --model. The provider offers ${names || 'none'}.`,
      )
    }
    this.#show(offered)
    for (;;) {
      const answer = (await lines.next('Model (number or name): ', 'choice'))?.trim()
      if (answer === undefined) throw new Error('No model was chosen.')
      const chosen = offered.includes(answer) ? answer : offered[Number(answer) - 1]
      if (chosen !== undefined) return chosen
      // Servers do not list all that they can answer with.
      if (answer !== '' && !/^\d+$/.test(answer)) return answer
      terminal.note('Type the name of a model, or a number of the list.')
    }
  }

  async #offered(endpoint: Endpoint): Promise<readonly string[]> {
    const { engine, interrupts } = this.#parts
    const signal = interrupts.workBegins()
    try {
      return await engine.listModels(endpoint.name, { signal })
    } finally {
      interrupts.workEnded()
    }
  }

  #show(offered: readonly string[]): void {
    const { terminal } = this.#parts
    this.#listed = offered
    for (const [index, model] of offered.slice(0, LONGEST_LIST).entries()) {
      terminal.line(`${String(index + 1).padStart(3)}  ${plainLine(model, 100)}`)
    }
    const rest = offered.length - LONGEST_LIST
    if (rest > 0) terminal.note(`… and ${rest} more. Any name may be typed.`)
  }
}

async function put(engine: Engine, { name, url, apiKey, model, dialect }: Endpoint): Promise<void> {
  await engine.putEndpoint(name, { url, apiKey, model, dialect })
}
