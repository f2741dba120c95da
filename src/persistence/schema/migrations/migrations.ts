/** All migrations, oldest first. */
import type { Migration } from '@mikro-orm/migrations'
import { FirstSchema } from './0001-first-schema.ts'
import { AttemptsAndFallbacks } from './0002-attempts-and-fallbacks.ts'
import { EndpointOptions } from './0003-endpoint-options.ts'
import { RepliesAndNumbers } from './0004-replies-and-numbers.ts'
import { Branches } from './0005-branches.ts'
import { StepsAndCalls } from './0006-steps-and-calls.ts'
import { WaitingTurns } from './0007-waiting-turns.ts'
import { MIGRATION_NAMES } from './names.ts'

type MigrationClass = new (...args: ConstructorParameters<typeof Migration>) => Migration

const CLASSES: Readonly<Record<(typeof MIGRATION_NAMES)[number], MigrationClass>> = {
  '0001-first-schema': FirstSchema,
  '0002-attempts-and-fallbacks': AttemptsAndFallbacks,
  '0003-endpoint-options': EndpointOptions,
  '0004-replies-and-numbers': RepliesAndNumbers,
  '0005-branches': Branches,
  '0006-steps-and-calls': StepsAndCalls,
  '0007-waiting-turns': WaitingTurns,
}

export const MIGRATIONS = MIGRATION_NAMES.map((name) => ({ name, class: CLASSES[name] }))
