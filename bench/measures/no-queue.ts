/** The placement of a turn that starts at once, for measures that call the store itself. */
import type { Placement } from '../../src/persistence/ports/placement.ts'

export const STARTS: Placement = {
  byDefault: 'reject',
  isBusy: false,
  limit: 0,
  options: () => ({}),
  mayJoin: () => false,
  isLive: () => true,
}
