/** The entries of bytes from outside once more, with eight times as many bytes. */
import { test } from 'vitest'
import { ENTRIES } from '../transport/cost-entries.ts'
import { expectLinear } from '../transport/cost.ts'

test.each(ENTRIES.filter(({ isLimited }) => isLimited !== true))(
  'costs in proportion to many bytes: $name',
  (entry) => expectLinear({ ...entry, size: entry.size * 8 }),
)
