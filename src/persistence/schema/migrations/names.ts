/**
 * The names of all migrations, oldest first. Databases remember them, so a released name stays.
 *
 * They stand apart from the migrations, which are loaded only for a database that lacks one.
 */
export const MIGRATION_NAMES = [
  '0001-first-schema',
  '0002-attempts-and-fallbacks',
  '0003-endpoint-options',
  '0004-replies-and-numbers',
  '0005-branches',
  '0006-steps-and-calls',
  '0007-waiting-turns',
] as const
