/** What every client that is measured can do. */

export interface Client {
  /** Makes ready for that many questions, where that is not part of asking them. */
  ready?(questions: number): Promise<void>
  /**
   * Asks a question and reads the streamed reply to its end.
   *
   * @param onText - called when there is more text for a reader, by whatever way it has, with the
   *   length of all of it
   * @returns the whole text; from a client that only counts, how many bytes came
   */
  ask(question: string, onText?: (length: number) => void): Promise<string | number>
  close?(): Promise<void>
}

export interface ClientOptions {
  /** Of the provider, as an endpoint is given. */
  readonly url: string
  /** For a database. Removed afterwards. */
  readonly directory: string
  /** The folder with the build of colloquy. */
  readonly build: string
}

export type OpenClient = (options: ClientOptions) => Client | Promise<Client>

/** What is asked of every provider; the mock takes any. */
export const MODEL = 'gpt-4o-mini'
export const API_KEY = 'sk-bench'
