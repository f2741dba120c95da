/** What the server tells the page besides conversations. Types only: the page has no Node. */

/** The models that there are. */
export interface PageSetup {
  /** True if the practice provider answers. */
  readonly isPractice: boolean
  readonly endpoints: readonly {
    readonly name: string
    /** The model that is asked if nothing else is chosen. */
    readonly model: string | undefined
    readonly models: readonly string[]
  }[]
}
