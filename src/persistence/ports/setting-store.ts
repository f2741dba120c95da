/** Settings, as the engine reads and writes them. */

export interface SettingStore {
  /** All settings: JSON values by name. */
  listSettings(): Promise<ReadonlyMap<string, unknown>>

  /** Writes a setting. The value `undefined` deletes it. */
  putSetting(name: string, value: unknown): Promise<void>
}
