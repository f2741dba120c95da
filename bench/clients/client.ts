/** The interface of every measured client. Knows nothing of workloads. */

export interface Client {
  /** Prepares that many questions, where the preparation is not a part of asking. */
  ready?(questions: number): Promise<void>
  /**
   * Asks a question and reads the streamed reply to its end.
   *
   * @param onText - called with the length of the whole text so far, each time the client shows
   *   more
   * @returns the whole text; a client that only counts returns the number of bytes received
   */
  ask(question: string, onText?: (length: number) => void): Promise<string | number>
  close?(): Promise<void>
}

export interface ClientOptions {
  /** The provider's URL, in the form that an endpoint takes. */
  readonly url: string
  /** A folder for a database, removed after the measurement. */
  readonly directory: string
  /** The folder with the build of Colloquy. */
  readonly build: string
}

export type OpenClient = (options: ClientOptions) => Client | Promise<Client>

/** The model in every request. The mock provider takes any. */
export const MODEL = 'gpt-4o-mini'
export const API_KEY = 'sk-bench'
