/** All migrations, oldest first. Databases remember their names, so a released name stays. */
import { FirstSchema } from './0001-first-schema.ts'
import { AttemptsAndFallbacks } from './0002-attempts-and-fallbacks.ts'
import { EndpointOptions } from './0003-endpoint-options.ts'
import { RepliesAndNumbers } from './0004-replies-and-numbers.ts'

export const MIGRATIONS = [
  { name: '0001-first-schema', class: FirstSchema },
  { name: '0002-attempts-and-fallbacks', class: AttemptsAndFallbacks },
  { name: '0003-endpoint-options', class: EndpointOptions },
  { name: '0004-replies-and-numbers', class: RepliesAndNumbers },
]
