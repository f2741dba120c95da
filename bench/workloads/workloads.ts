/** All workloads, in the order of a run. */
import type { Workload } from '../workload.ts'
import { conversations } from './conversations.ts'
import { firstDelta } from './first-delta.ts'
import { history } from './history.ts'
import { http } from './http.ts'
import { idle } from './idle.ts'
import { inspector } from './inspector.ts'
import { install } from './install.ts'
import { length } from './length.ts'
import { live } from './live.ts'
import { mixed } from './mixed.ts'
import { paced } from './paced.ts'
import { readers } from './readers.ts'
import { saturated } from './saturated.ts'
import { saving } from './saving.ts'
import { startup } from './startup.ts'
import { tools } from './tools.ts'
import { turn } from './turn.ts'

export const WORKLOADS: readonly Workload[] = [
  saturated,
  paced,
  turn,
  tools,
  live,
  firstDelta,
  length,
  saving,
  readers,
  http,
  idle,
  history,
  conversations,
  mixed,
  inspector,
  startup,
  install,
]
