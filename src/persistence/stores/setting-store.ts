/** Settings in an SQL database. Knows nothing of what they mean. */
import type { SettingStore } from '../ports/setting-store.ts'
import type { SqlAccess } from '../sql-access.ts'
import { putSettingJob, readSettings } from '../statements/settings.ts'

export function settingStore(access: SqlAccess): SettingStore {
  return {
    async listSettings() {
      return await access.read((connection) => readSettings(connection, access.report))
    },

    async putSetting(name, value) {
      await access.write(() => putSettingJob(name, value))
    },
  }
}
