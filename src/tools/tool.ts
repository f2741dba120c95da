/**
 * Tools as a host gives them, with what they get when they run.
 *
 * Types, and the one error with which a tool speaks to the model. Knows nothing of how a call runs.
 */
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'
import type { FilePart, Message, TextPart } from '../protocol/message.ts'

/** A JSON Schema as plain data. */
export type JsonSchemaObject = Readonly<Record<string, unknown>>

/**
 * The schema of a tool's input: a Standard Schema that can write itself as JSON Schema, as zod from
 * 4.2, arktype from 2.1.28 and valibot with `toStandardJsonSchema` can, or a plain JSON Schema.
 */
export type Schema<T = unknown> =
  | (StandardSchemaV1<unknown, T> & StandardJSONSchemaV1)
  | JsonSchemaObject

/** A function that a model may call. */
export interface Tool<I = unknown, O = unknown> {
  readonly description?: string | undefined
  /** @defaultValue an object without properties */
  readonly inputSchema?: Schema<I> | undefined
  /**
   * Runs the call. It gets the input as the schema made it. Its result is any JSON; `undefined` is
   * `null`. The values that an async generator yields are progress; the value that it returns is the
   * result, or the last one that it yielded.
   *
   * With `'client'`, the turn waits for the output, which `engine.supply` gives.
   *
   * Without it, the turn ends with finish reason `tool-calls`, and the host answers the call.
   */
  readonly execute?:
    | ((input: I, call: CallContext) => O | Promise<O> | AsyncGenerator<unknown, O | void>)
    | 'client'
    | undefined
  /**
   * True if a call waits for `engine.decide` before it runs; a function decides for each call, within 10
   * seconds. If it throws or is late, the call does not run. @defaultValue `false`
   */
  readonly needsApproval?:
    | boolean
    | ((input: I, call: Omit<CallContext, 'signal' | 'progress'>) => boolean | Promise<boolean>)
    | undefined
  /** Milliseconds after which the call has the result `timeout`. @defaultValue `timeouts.toolMs` */
  readonly timeoutMs?: number | undefined
  /** The longest result that the model sees. @defaultValue `limits.toolResultBytes` */
  readonly resultBytes?: number | undefined
  /** `'alone'`: no other call of the turn runs beside it. @defaultValue `'together'` */
  readonly runs?: 'together' | 'alone' | undefined
  /**
   * What `retry` does with a call that a crash left open: `'report'` tells the model that its outcome
   * is not known; `'again'` runs it again with the same `idempotencyKey`. @defaultValue `'report'`
   */
  readonly afterCrash?: 'report' | 'again' | undefined
  /**
   * True if the tool reaches nothing beyond this machine. In airplane mode only local tools are
   * offered and run. @defaultValue `false`
   */
  readonly local?: boolean | undefined
  /**
   * False to keep the messages of errors from the model, if they may hold urls or keys. The message
   * of a {@link ToolError} is told in any case. @defaultValue `true`
   */
  readonly exposeErrors?: boolean | undefined
  /**
   * What the model sees of the output. If it throws, the model is told only that the tool ran.
   *
   * @defaultValue a string as it is, anything else as JSON
   */
  readonly toModel?: ((output: O) => string | readonly (TextPart | FilePart)[]) | undefined
}

/** A tool of any input and output, as a table of tools holds it. */
// oxlint-disable-next-line typescript/no-explicit-any -- a tool of one input is no tool of every input
export type AnyTool = Tool<any, any>

/** What a tool gets besides its input. */
export interface CallContext {
  readonly callId: string
  /** The same for each run of one call: give it to the service that the tool asks. */
  readonly idempotencyKey: string
  readonly toolCallId: string
  readonly toolName: string
  readonly turnId: string
  readonly conversationId: string
  readonly ownerId?: string
  /** The number of the step in its turn, from 1. */
  readonly step: number
  /** 1; more where `retry` runs the call again after a crash. */
  readonly attempt: number
  /** Aborts when the call is over before the tool is: a cancel, a timeout, the end of the turn. */
  readonly signal: AbortSignal
  /** The `toolContext` of the send: never stored, never shown. */
  readonly toolContext: unknown
  /** The `metadata` of the send. */
  readonly metadata: unknown
  /** Shows a value to subscribers: any JSON of at most 16 KiB. The newest counts. Not stored. */
  readonly progress: (value: unknown) => void
  /** The stored messages of the line, up to the input of the turn. */
  readonly history: () => Promise<readonly Message[]>
}

/** An error whose message is for the model, whatever `exposeErrors` says. */
export class ToolError extends Error {
  override readonly name = 'ToolError'
}
