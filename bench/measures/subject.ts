/**
 * The floor of fan-out: a bare RxJS Subject with as many events and as many observers.
 *
 * Its events are of several shapes, as those of a turn are. Reading a field of such events costs an
 * observer more, with any kind of delivery.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as Rxjs from 'rxjs'
import { checkCount } from './answer-check.ts'
import { type Delivered, perDelivery } from './readers.ts'
import { Stopwatch } from './stopwatch.ts'
import { type Measure, option } from './task.ts'

interface Event {
  readonly seq: number
  readonly at: Date
  readonly type: string
  readonly snapshot?: Date
}

/** A turn has events with these fields, besides snapshots. */
const SHAPES = ['message', 'phase', 'deltas', 'turn', 'error', 'conversation']

// oxlint-disable-next-line require-await -- a measure is asynchronous, this one has nothing to await
export const measure: Measure = async (task) => {
  const events = option(task, 'events')
  const many = option(task, 'readers')
  // The same RxJS that the measured build uses.
  const require = createRequire(join(task.build, 'index.js'))
  const { Subject } = require('rxjs') as typeof Rxjs
  const emit = (readers: number): Delivered => {
    const subject = new Subject<Event>()
    let count = 0
    let length = 0
    for (let n = 0; n < readers; n += 1) {
      subject.subscribe((event) => {
        count += 1
        if (event.type === 'reply.snapshot') length = event.seq
      })
    }
    const at = new Date()
    const watch = new Stopwatch()
    for (const field of SHAPES) subject.next({ seq: 0, at, type: field, [field]: at })
    for (let seq = 1; seq <= events; seq += 1) {
      subject.next({ seq, at, type: 'reply.snapshot', snapshot: at })
    }
    const { cpuUs } = watch
    checkCount(length, events)
    return { count, cpuUs }
  }
  emit(1)
  emit(many)
  const rounds: { few: Delivered; many: Delivered }[] = []
  for (let n = 0; n < option(task, 'rounds'); n += 1)
    rounds.push({ few: emit(1), many: emit(many) })
  return perDelivery(rounds)
}
