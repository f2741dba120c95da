/** A function that a model may ask for. */
export interface ToolDefinition {
  readonly description?: string | undefined
  /** JSON Schema of the arguments. */
  readonly inputSchema: unknown
}

export type ToolDefinitions = Readonly<Record<string, ToolDefinition>>
