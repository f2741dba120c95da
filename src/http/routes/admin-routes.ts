/**
 * The routes of models and settings, which use the engine itself. Knows nothing of HTTP servers.
 */
import type { ModelPurpose } from '../../index.ts'
import { type Call, json, type Route } from './call.ts'
import { booleanField, invalid } from '../requests/fields.ts'
import type { Answer } from '../requests/incoming.ts'
import { Refusal } from '../refusals/refusal.ts'

const PURPOSES: Readonly<Record<ModelPurpose, true>> = {
  chat: true,
  'airplane-chat': true,
  title: true,
  'airplane-title': true,
}

export const adminRoutes: readonly Route[] = [
  { method: 'GET', path: '/models', action: 'list', serve: models },
  { method: 'GET', path: '/settings', action: 'settings', serve: readSettings },
  {
    method: 'PUT',
    path: '/settings',
    action: 'settings',
    fields: ['airplaneMode', 'modelPreferences'],
    serve: changeSettings,
  },
]

/** Everybody who may choose a model sees the models to choose from. */
async function models({ engine, options, owner, isAdmin }: Call): Promise<Answer> {
  const permission = options.allow.model
  if (!isAdmin && permission === false) throw new Refusal('forbidden')
  if (!isAdmin && Array.isArray(permission)) return json(200, { models: permission })
  const all = await engine.listModels()
  if (isAdmin || typeof permission !== 'function') return json(200, { models: all })
  return json(200, { models: all.filter((each) => permission(each as never, owner)) })
}

async function readSettings({ engine, isAdmin }: Call): Promise<Answer> {
  assertAdmin(isAdmin)
  return json(200, await engine.getSettings())
}

async function changeSettings({ engine, isAdmin, body }: Call): Promise<Answer> {
  assertAdmin(isAdmin)
  const airplaneMode = booleanField(body, 'airplaneMode')
  const preferences = preferencesIn(body['modelPreferences'])
  for (const [purpose, model] of preferences) await engine.setModelPreference(purpose, model)
  if (airplaneMode !== undefined) await engine.setAirplaneMode(airplaneMode)
  return json(200, await engine.getSettings())
}

function preferencesIn(value: unknown): readonly (readonly [ModelPurpose, string | null])[] {
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('modelPreferences')
  }
  return Object.entries(value).map(([purpose, model]: [string, unknown]) => {
    const isKnown = Object.hasOwn(PURPOSES, purpose)
    const isModel = model === null || (typeof model === 'string' && model !== '')
    if (!isKnown || !isModel) throw invalid('modelPreferences')
    return [purpose as ModelPurpose, model] as const
  })
}

function assertAdmin(isAdmin: boolean): void {
  if (!isAdmin) throw new Refusal('forbidden')
}
