/** The `setting` table as an entity. The migrations create the table. */
import { defineEntity, p } from '@mikro-orm/core'

export const SettingSchema = defineEntity({
  name: 'Setting',
  tableName: 'setting',
  properties: {
    name: p.text().primary(),
    value: p.text(),
  },
})

/** A JSON value by name. */
export class Setting extends SettingSchema.class {}
SettingSchema.setClass(Setting)
