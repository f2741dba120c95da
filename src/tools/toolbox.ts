/**
 * Tools that are ready to be offered: with their JSON Schema, their check and a fingerprint.
 *
 * They are in a Map, so that a model that calls `constructor` finds nothing. Knows nothing of turns.
 */
import { createHash } from 'node:crypto'
import type { ToolDefinition } from '../protocol/tool.ts'
import { type InputSchema, inputSchema } from './schema.ts'
import type { AnyTool } from './tool.ts'

/** A tool under its name, with its schema read. */
export interface ReadyTool {
  readonly name: string
  /** What a model is told. */
  readonly definition: ToolDefinition
  readonly tool: AnyTool
  readonly check: InputSchema['check']
  /** Tells whether the tool is described to the model as it was before. */
  readonly fingerprint: string
}

export type Toolbox = ReadonlyMap<string, ReadyTool>

/** Messages has the narrowest rule for names. */
export const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/

/** @throws `UnusableSchema` */
export function readyTool(name: string, tool: AnyTool): ReadyTool {
  const { json, check } = inputSchema(tool.inputSchema)
  const definition = {
    ...(tool.description !== undefined && { description: tool.description }),
    inputSchema: json,
  }
  return { name, definition, tool, check, fingerprint: fingerprintOf(definition) }
}

/** Returns true if the engine can run a call of one of the tools. */
export function runsAny(tools: Toolbox): boolean {
  for (const { tool } of tools.values()) if (tool.execute !== undefined) return true
  return false
}

/** Returns true if calls of the tool may wait for an answer from outside. */
export function mayWait({ tool }: ReadyTool): boolean {
  return tool.execute === 'client' || (tool.needsApproval ?? false) !== false
}

function fingerprintOf({ description = '', inputSchema: schema }: ToolDefinition): string {
  return createHash('sha256')
    .update(JSON.stringify([description, schema]))
    .digest('hex')
}
