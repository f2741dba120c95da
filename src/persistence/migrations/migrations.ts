/** All migrations, oldest first. Names are what databases remember: one that was released stays. */
import { FirstSchema } from './0001-first-schema.ts'

export const MIGRATIONS = [{ name: '0001-first-schema', class: FirstSchema }]
