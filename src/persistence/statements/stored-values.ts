/**
 * Reads the JSON values that several tables hold: parts, usage, errors, settings.
 *
 * Each has the fields that hosts and dialects rely on. Fields beyond those stay as they are. Knows
 * no table.
 */
import type { Settings } from '../../protocol/conversation.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { Part, Usage } from '../../protocol/message.ts'
import { assertColumn, type FieldType, hasFields, json, jsonArray } from './checked-row.ts'

type Fields = Readonly<Record<string, FieldType>>

const PART_FIELDS = {
  text: { text: 'string' },
  reasoning: { text: 'string' },
  'tool-call': { toolCallId: 'string', toolName: 'string', inputText: 'string' },
  'tool-result': { toolCallId: 'string', toolName: 'string', isError: 'boolean?' },
  'provider-tool': { toolName: 'string' },
  file: { mediaType: 'string', url: 'string' },
} satisfies Record<Part['type'], Fields>

const USAGE_FIELDS: Fields = {
  source: 'string',
  inputTokens: 'number?',
  outputTokens: 'number?',
  reasoningTokens: 'number?',
  cacheReadTokens: 'number?',
  cacheWriteTokens: 'number?',
}

const ERROR_FIELDS: Fields = {
  code: 'string',
  message: 'string',
  status: 'number?',
  retryAfterMs: 'number?',
  providerCode: 'string?',
  shouldRetry: 'boolean?',
}

const SETTINGS_FIELDS: Fields = {
  temperature: 'number?',
  topP: 'number?',
  maxOutputTokens: 'number?',
  seed: 'number?',
}

export function storedParts(column: unknown): readonly Part[] {
  const parts = jsonArray(column)
  for (const part of parts) assertColumn(isPart(part))
  return parts as readonly Part[]
}

export function storedUsage(value: unknown): Usage {
  assertColumn(hasFields(value, USAGE_FIELDS))
  return value as Usage
}

export function storedError(value: unknown): ErrorRecord {
  assertColumn(hasFields(value, ERROR_FIELDS))
  return value as ErrorRecord
}

export function storedSettings(column: unknown): Settings {
  const value = json(column) as Settings
  assertColumn(hasFields(value, SETTINGS_FIELDS) && isStop(value.stop))
  return value
}

function isPart(part: unknown): boolean {
  const type: unknown = (part as { readonly type?: unknown } | null)?.type
  if (typeof type !== 'string' || !Object.hasOwn(PART_FIELDS, type)) return false
  return hasFields(part, PART_FIELDS[type as Part['type']])
}

function isStop(stop: unknown): boolean {
  if (stop === undefined || typeof stop === 'string') return true
  return Array.isArray(stop) && stop.every((text) => typeof text === 'string')
}
