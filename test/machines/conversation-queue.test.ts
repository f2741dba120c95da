/** The queue of the conversation machine: what starts when, what is held, what replaces. */
import { describe, expect, test } from 'vitest'
import { conversation, run, type TestConversation } from './test-conversation.ts'

/** A turn runs, and others are queued. */
function queued(...turnIds: readonly string[]): TestConversation {
  const it = conversation()
  it.send('t')
  it.record({ type: 'input.recorded' })
  for (const turnId of turnIds) {
    it.actor.send({ type: 'conversation.queue', turnId })
    it.actor.send({ type: 'conversation.queued', turnId, place: 'last' })
  }
  it.calls.length = 0
  return it
}

const context = (it: TestConversation) => it.actor.getSnapshot().context
const isHeld = (it: TestConversation) => it.actor.getSnapshot().hasTag('held')

/** Ends the running turn. */
function end(it: TestConversation, how: 'done' | 'failed' | 'cancelled'): void {
  if (how === 'done') it.reply({ type: 'reply.finished' })
  if (how === 'failed') it.reply({ type: 'reply.failed', code: 'overloaded' })
  if (how === 'cancelled') it.cancel(context(it).turnId)
  it.save({ type: 'turn.saved' })
}

describe('a queue', () => {
  test('goes on after done, in order, and rests with the last one', () => {
    const it = queued('a', 'b')
    for (const turnId of ['a', 'b']) {
      end(it, 'done')
      expect(it.state()).toBe('streaming')
      expect(context(it).turnId).toBe(turnId)
      it.record({ type: 'input.recorded' })
    }
    end(it, 'done')
    expect(it.state()).toBe('done')
    expect(context(it).queued).toEqual([])
  })

  test.each(['failed', 'cancelled'] as const)('is held after %s, until it is resumed', (how) => {
    const it = queued('a', 'b')
    expect(isHeld(it)).toBe(false)
    end(it, how)
    expect(it.state()).toBe(how)
    expect(isHeld(it)).toBe(true)
    expect(context(it).queued).toEqual(['a', 'b'])
    expect(it.calls.at(-1)).toEqual(['tellHeld', ['a', 'b']])
    it.actor.send({ type: 'conversation.resume-queue', queue: ['b', 'a'] })
    expect(it.state()).toBe('streaming')
    expect(context(it)).toMatchObject({ turnId: 'b', queued: ['a'] })
  })

  test.each([
    { type: 'conversation.resume-queue', queue: ['a'] },
    { type: 'conversation.resume-turn', turnId: 't', queue: ['a'] },
  ] as const)('has a turn that came while it was read behind the others: $type', (resume) => {
    const it = queued('a', 'b')
    end(it, 'failed')
    it.actor.send(resume)
    const { turnId } = context(it)
    expect([turnId, ...context(it).queued].filter((id) => id !== 't')).toEqual(['a', 'b'])
  })

  test('has no turn that was withdrawn while a waiting turn could not go on yet', () => {
    const it = conversation()
    it.actor.send({ type: 'conversation.queue', turnId: 'x' })
    it.actor.send({ type: 'conversation.resume-turn', turnId: 't', queue: ['a', 'b'] })
    it.actor.send({ type: 'conversation.withdraw', turnId: 'a', request: 1 })
    it.record({ type: 'input.refused', code: 'turn-waiting' })
    expect(context(it)).toMatchObject({ turnId: 't', queued: ['b'] })
  })

  test('has no turn that was deleted, whatever state it is in', () => {
    const it = queued('a', 'b', 'c')
    it.actor.send({ type: 'conversation.lost', turnIds: ['a'] })
    expect(context(it).queued).toEqual(['b', 'c'])
    end(it, 'failed')
    it.actor.send({ type: 'conversation.lost', turnIds: ['c', 'other'] })
    expect(context(it).queued).toEqual(['b'])
  })

  test('goes on after a cancel that says so', () => {
    const it = queued('a')
    it.actor.send({ type: 'turn.cancel', turnId: 't', request: 1, runsQueue: true })
    it.save({ type: 'turn.saved' })
    expect(context(it)).toMatchObject({ turnId: 'a', queued: [] })
  })

  test('has a steering turn in front', () => {
    const it = queued('a')
    it.actor.send({ type: 'conversation.queue', turnId: 's' })
    expect(it.calls).toEqual([['queueTurn', { turnId: 's' }]])
    it.actor.send({ type: 'conversation.queued', turnId: 's', place: 'first' })
    expect(context(it).queued).toEqual(['s', 'a'])
    expect(it.calls.at(-1)).toEqual(['tellQueue', [['s', 'a'], false]])
  })

  test('is found by an input that is recorded while it is held, and runs', () => {
    const it = conversation()
    it.actor.send({ type: 'conversation.queue', turnId: 'b' })
    it.record({ type: 'input.queued', queue: ['a', 'b'], replaces: false })
    expect(context(it)).toMatchObject({ turnId: 'a', queued: ['b'] })
    expect(it.state()).toBe('streaming')
  })

  test.each([
    ['done', 'streaming'],
    ['failed', 'failed'],
    ['cancelled', 'cancelled'],
  ] as const)('takes a turn whose write outlives a turn that is %s', (how, state) => {
    const it = queued()
    it.actor.send({ type: 'conversation.queue', turnId: 'a' })
    end(it, how)
    expect(it.state()).toBe(how)
    it.actor.send({ type: 'conversation.sleep' })
    expect(it.state()).toBe(how)
    it.actor.send({ type: 'conversation.queued', turnId: 'a', place: 'last' })
    expect(it.state()).toBe(state)
  })

  test('lets its conversation sleep once a write into it was refused', () => {
    const it = queued()
    it.actor.send({ type: 'conversation.queue', turnId: 'a' })
    end(it, 'done')
    it.actor.send({ type: 'conversation.not-queued', turnId: 'a' })
    it.actor.send({ type: 'conversation.sleep' })
    expect(it.state()).toBe('asleep')
  })

  test('starts nothing more once the engine closes', () => {
    const it = queued('a')
    it.actor.send({ type: 'conversation.hold' })
    end(it, 'done')
    expect(it.state()).toBe('done')
  })

  test('takes a turn back that could not be started or ended, where it was', () => {
    const it = queued('a', 'b', 'c')
    it.actor.send({ type: 'conversation.withdraw', turnId: 'b', request: 4 })
    expect(it.calls).toEqual([
      ['withdrawQueued', { turnId: 'b', request: 4, index: 1 }],
      ['tellQueue', [['a', 'c'], false]],
    ])
    it.actor.send({ type: 'conversation.put-back', turnId: 'b', index: 1 })
    expect(context(it).queued).toEqual(['a', 'b', 'c'])
  })
})

describe('a turn that replaces', () => {
  const replace = (it: TestConversation, request?: number) =>
    it.actor.send({ type: 'conversation.replaced', turnId: 'r', request })

  test('cancels the running turn and ends the queue, and starts when that is saved', () => {
    const it = queued('a', 'b')
    it.actor.send({ type: 'conversation.queue', turnId: 'r' })
    replace(it, 7)
    expect(it.calls.slice(1)).toEqual([
      ['replaceQueued', { turnIds: ['a', 'b'] }],
      ['tellQueue', [['r'], false]],
      ['seal', { outcome: 'cancelled' }],
      ['answerCancel', { request: 7, outcome: 'cancelled', from: 'requesting' }],
    ])
    expect(context(it)).toMatchObject({ turnId: 't', queued: ['r'], placing: [] })
    it.save({ type: 'turn.saved' })
    expect(context(it)).toMatchObject({ turnId: 'r', queued: [] })
    expect(it.state()).toBe('streaming')
  })

  test.each(['done', 'failed'] as const)('cuts no reply whose outcome is %s by then', (how) => {
    const it = queued('a')
    if (how === 'done') it.reply({ type: 'reply.finished' })
    else it.reply({ type: 'reply.failed', code: 'overloaded' })
    replace(it, 7)
    expect(it.calls).toContainEqual([
      'answerCancel',
      { request: 7, outcome: 'already-done', from: 'saving' },
    ])
    it.save({ type: 'turn.saved' })
    expect(context(it)).toMatchObject({ turnId: 'r', queued: [] })
  })

  test('starts at once in a conversation that rests by then, also one that failed', () => {
    for (const how of ['done', 'failed', 'cancelled'] as const) {
      const it = queued('a')
      it.actor.send({ type: 'conversation.queue', turnId: 'r' })
      if (how === 'done') it.actor.send({ type: 'conversation.withdraw', turnId: 'a', request: 1 })
      end(it, how)
      replace(it)
      expect(context(it)).toMatchObject({ turnId: 'r', queued: [] })
      expect(it.state()).toBe('streaming')
    }
  })

  test('takes the place of a held queue', () => {
    const it = conversation()
    run(it, 't', 'failed')
    it.calls.length = 0
    it.actor.send({ type: 'conversation.queue', turnId: 'r' })
    it.record({ type: 'input.queued', queue: ['r', 'a', 'b'], replaces: true })
    expect(it.calls).toContainEqual(['replaceQueued', { turnIds: ['a', 'b'] }])
    expect(context(it)).toMatchObject({ turnId: 'r', queued: [] })
  })

  test('is held if a further cancel says nothing of the queue', () => {
    const it = queued()
    replace(it, 7)
    it.cancel('t', 8)
    it.save({ type: 'turn.saved' })
    expect(it.state()).toBe('cancelled')
    expect(context(it).queued).toEqual(['r'])
  })
})
