/**
 * What a host sets and asks of endpoints, models and airplane mode: checked, stored, and told to those
 * who watch the settings.
 *
 * Knows nothing of how a setting is kept.
 */
import type { Feed } from '../feed/feed.ts'
import type { EndpointRecord, ModelPurpose } from '../protocol/endpoint.ts'
import type { Logger } from '../protocol/logger.ts'
import { type OnlineWork, stopOnlineWork } from './airplane-mode.ts'
import type { EndpointOptions } from './api/endpoint-options.ts'
import type { Binder } from './endpoints/binding.ts'
import type { Preferences } from './endpoints/preferences.ts'
import * as requests from './options/call-schemas.ts'
import { checked } from './options/check.ts'
import type { ResolvedOptions } from './options/resolve-options.ts'

interface SettingCallsParts extends OnlineWork {
  readonly options: ResolvedOptions
  readonly feed: Feed
  readonly binder: Binder
  readonly preferences: Preferences
}

export class SettingCalls {
  readonly #parts: SettingCallsParts

  constructor(parts: SettingCallsParts) {
    this.#parts = parts
  }

  async putEndpoint(name: string, options: EndpointOptions): Promise<EndpointRecord> {
    const { endpoints, feed } = this.#parts
    const endpoint = await endpoints.put(name, options)
    this.#logger.debug({ endpoint: name }, 'An endpoint was put.')
    feed.announceSettings('endpoint', name)
    return endpoint
  }

  async deleteEndpoint(name: string): Promise<void> {
    const { endpoints, feed } = this.#parts
    await endpoints.delete(name)
    this.#logger.debug({ endpoint: name }, 'An endpoint was deleted.')
    feed.announceSettings('endpoint', name)
  }

  async listModels(
    endpoint: string | undefined,
    options: { readonly signal?: AbortSignal },
  ): Promise<readonly string[]> {
    checked(requests.endpointName, endpoint, 'listModels: endpoint')
    const { signal } = checked(requests.modelsOptions, options, 'listModels')
    const { binder, oneShots } = this.#parts
    return oneShots.listModels(binder.target({ endpoint }), signal)
  }

  async setAirplaneMode(on: boolean): Promise<void> {
    checked(requests.switchPosition, on, 'setAirplaneMode')
    const { preferences, feed } = this.#parts
    const isChanged = await preferences.setAirplaneMode(on, () => stopOnlineWork(this.#parts))
    this.#logger.debug({ airplaneMode: on }, 'Airplane mode was set.')
    if (isChanged) feed.announceSettings('airplane-mode')
  }

  async setModelPreference(purpose: ModelPurpose, model: string | null): Promise<void> {
    checked(requests.modelPurpose, purpose, 'setModelPreference: purpose')
    checked(requests.modelName, model, 'setModelPreference: model')
    const { preferences, feed } = this.#parts
    const isChanged = await preferences.setModel(purpose, model)
    this.#logger.debug({ purpose, model }, 'A model preference was set.')
    if (isChanged) feed.announceSettings('model-preference', purpose)
  }

  get #logger(): Logger {
    return this.#parts.options.logger
  }
}
