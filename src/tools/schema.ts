/**
 * Schemas of tools: the JSON Schema that a model is told, and the check of what it sends.
 *
 * A Standard Schema does both itself. A plain JSON Schema is checked without generating code. Knows
 * nothing of calls.
 */
import { type Schema as PlainSchema, type SchemaDraft, Validator } from '@cfworker/json-schema'
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'
import { boundedSchema, repetition } from './bounded-schema.ts'
import type { JsonSchemaObject } from './tool.ts'

/** The input as the tool gets it, or what is wrong with it, one line for each issue. */
export type Checked = { readonly value: unknown } | { readonly issues: readonly string[] }

export interface InputSchema {
  /** The JSON Schema that the model is told. */
  readonly json: JsonSchemaObject
  /** May reject or never settle: it may be code of the host. */
  readonly check: (input: unknown) => Checked | Promise<Checked>
}

/** Why a schema cannot be used, in words that follow "expected". */
export class UnusableSchema extends Error {
  override readonly name = 'UnusableSchema'
}

/** The largest number of issues that a model is told, and the longest text of all of them. */
const MOST_ISSUES = 10
const LONGEST_ISSUES = 1_000

const EMPTY: JsonSchemaObject = { type: 'object', properties: {}, additionalProperties: false }

type Standard = StandardSchemaV1 & Partial<StandardJSONSchemaV1>

/** @throws {@link UnusableSchema} */
export function inputSchema(given: unknown): InputSchema {
  const schema = schemaOf(given)
  const { type } = schema.json
  if (type === undefined || [type].flat().includes('object')) return schema
  throw new UnusableSchema('a schema of an object, since the arguments of a call are one')
}

function schemaOf(given: unknown): InputSchema {
  if (given === undefined) return plainSchema(EMPTY)
  if (isStandard(given)) return standardSchema(given)
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new UnusableSchema('a JSON Schema, or a schema of zod, valibot or arktype')
  }
  return plainSchema(given as JsonSchemaObject)
}

/** A schema of arktype is a function. */
function isStandard(given: unknown): given is Standard {
  const isHolder = (typeof given === 'object' && given !== null) || typeof given === 'function'
  if (!isHolder || !('~standard' in given)) return false
  const { validate } = (given as Standard)['~standard'] as { readonly validate?: unknown }
  return typeof validate === 'function'
}

function standardSchema(given: Standard): InputSchema {
  const json = jsonSchemaOf(given)
  return {
    json,
    check: async (input) => {
      const result = await given['~standard'].validate(input)
      if (result.issues === undefined) return { value: result.value }
      return { issues: result.issues.map(({ message, path }) => `${pathOf(path)}${message}`) }
    },
  }
}

function jsonSchemaOf(given: Standard): JsonSchemaObject {
  const { jsonSchema, vendor } = given['~standard']
  if (typeof jsonSchema?.input !== 'function') {
    throw new UnusableSchema(
      `a schema that can write itself as JSON Schema, which this one of ${vendor} cannot: take zod 4.2 or later (not zod/mini), arktype 2.1.28 or later, valibot with toStandardJsonSchema of @valibot/to-json-schema, or a JSON Schema`,
    )
  }
  for (const target of ['draft-07', 'draft-2020-12'] as const) {
    try {
      return without$schema(jsonSchema.input({ target }))
    } catch {
      // Not every library writes every draft, and none writes every type.
    }
  }
  throw new UnusableSchema(
    `a schema of types that JSON has, which this one of ${vendor} is not: replace dates and other types that JSON lacks`,
  )
}

/** The draft is not for the provider, which would refuse some. */
function without$schema(json: JsonSchemaObject): JsonSchemaObject {
  return Object.fromEntries(Object.entries(json).filter(([name]) => name !== '$schema'))
}

function pathOf(path: StandardSchemaV1.Issue['path']): string {
  if (path === undefined || path.length === 0) return ''
  const keys = path.map((item) => String(typeof item === 'object' ? item.key : item))
  return `${keys.join('.')}: `
}

function plainSchema(json: JsonSchemaObject): InputSchema {
  let bounded: Validator
  let exact: Validator | undefined
  try {
    const schemas = boundedSchema(json)
    const validator = (schema: PlainSchema) => new Validator(schema, draftOf(json), false)
    bounded = validator(schemas.bounded)
    exact = schemas.exact && validator(schemas.exact)
  } catch {
    throw new UnusableSchema('a JSON Schema that can be read')
  }
  return {
    json,
    check: (input) => {
      const repeated = exact === undefined ? 'none' : repetition(input)
      if (repeated === 'long') return { issues: ['A long list has an item twice.'] }
      const validator = repeated === 'none' ? bounded : (exact ?? bounded)
      const { valid, errors } = validator.validate(input)
      if (valid) return { value: input }
      // The outer errors only say that an inner one is there.
      return {
        issues: errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`),
      }
    },
  }
}

function draftOf({ $schema }: JsonSchemaObject): SchemaDraft {
  const named = typeof $schema === 'string' ? $schema : ''
  if (named.includes('draft-07')) return '7'
  if (named.includes('draft-04')) return '4'
  return named.includes('2019-09') ? '2019-09' : '2020-12'
}

/** The issues as a model is told them. */
export function told(issues: readonly string[]): string {
  const text = issues.slice(0, MOST_ISSUES).join('\n')
  return text.length > LONGEST_ISSUES ? `${text.slice(0, LONGEST_ISSUES).toWellFormed()}…` : text
}
