/** Tools as they are offered to a model. Knows nothing of calls and results. */

/** A function that a model may call. */
export interface ToolDefinition {
  readonly description?: string | undefined
  /** JSON Schema of the arguments. */
  readonly inputSchema: unknown
}

/** The tools that are offered to the model, by name. */
export type ToolDefinitions = Readonly<Record<string, ToolDefinition>>
