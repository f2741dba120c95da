/** The conversation machine, with real turn machines and without an engine. */
import { describe, expect, test } from 'vitest'
import { conversation, run, type TestConversation } from './test-conversation.ts'

describe('a conversation', () => {
  test('begins idle, streams, and rests where its turn ended', () => {
    const it = conversation()
    expect(it.state()).toBe('idle')
    for (const end of ['done', 'failed', 'cancelled', 'done'] as const) {
      it.send('t')
      expect(it.state()).toBe('streaming')
      it.record({ type: 'input.recorded' })
      if (end === 'done') it.reply({ type: 'reply.finished' })
      if (end === 'failed') it.reply({ type: 'reply.failed', code: 'overloaded' })
      if (end === 'cancelled') it.cancel('t')
      expect(it.state()).toBe('streaming')
      it.save({ type: 'turn.saved' })
      expect(it.state()).toBe(end)
    }
  })

  test.each(['idle', 'done', 'failed', 'cancelled'] as const)(
    'is %s again when an input is refused there',
    (state) => {
      const it = conversation()
      if (state !== 'idle') run(it, 't1', state)
      it.send('t2')
      expect(it.state()).toBe('streaming')
      it.record({ type: 'input.refused', code: 'endpoint-not-found' })
      expect(it.state()).toBe(state)
    },
  )

  test('fails when its turn could not be saved before it was given up', () => {
    const it = conversation()
    it.send('t')
    it.record({ type: 'input.recorded' })
    it.reply({ type: 'reply.finished' })
    it.save({ type: 'turn.save-failed', code: 'database-busy' })
    it.actor.send({ type: 'turn.give-up' })
    expect(it.state()).toBe('failed')
  })

  test('refuses a second send while a turn runs, which goes on', () => {
    const it = conversation()
    it.send('t1')
    it.send('t2')
    expect(it.calls).toEqual([['refuseSend', { turnId: 't2' }]])
    it.record({ type: 'input.recorded' })
    it.send('t3')
    expect(it.calls).toHaveLength(2)
    expect(it.actor.getSnapshot().context.turnId).toBe('t1')

    it.reply({ type: 'reply.finished' })
    it.save({ type: 'turn.saved' })
    expect(it.state()).toBe('done')
    it.send('t4')
    expect(it.state()).toBe('streaming')
    expect(it.actor.getSnapshot().context.turnId).toBe('t4')
  })

  test("refuses a cancel with another turn's id, and the running turn goes on", () => {
    const it = conversation()
    it.send('t1')
    it.record({ type: 'input.recorded' })
    it.cancel('t0', 5)
    expect(it.calls).toEqual([['refuseCancel', { request: 5 }]])

    it.cancel('t1', 6)
    expect(it.calls.at(-1)).toEqual([
      'answerCancel',
      { request: 6, outcome: 'cancelled', from: 'requesting' },
    ])
    expect(it.calls).toContainEqual(['seal', { outcome: 'cancelled' }])
  })

  test('does not hear a cancel while it rests', () => {
    const it = conversation()
    run(it, 't', 'done')
    it.calls.length = 0
    it.cancel('t')
    expect(it.calls).toEqual([])
    expect(it.state()).toBe('done')
  })

  test.each(['idle', 'done', 'failed', 'cancelled'] as const)('goes to sleep from %s', (state) => {
    const it = conversation()
    if (state !== 'idle') run(it, 't', state)
    it.actor.send({ type: 'conversation.sleep' })
    expect(it.told).toEqual([{ type: 'conversation.asleep', conversationId: 'c' }])
    it.send('late')
    expect(it.state()).toBe('asleep')
  })

  test('does not go to sleep while a turn runs', () => {
    const it = conversation()
    it.send('t')
    it.actor.send({ type: 'conversation.sleep' })
    expect(it.state()).toBe('streaming')
    expect(it.told).toEqual([])
  })

  test('keeps no child once its turn has ended', () => {
    const it = conversation()
    for (const end of ['done', 'failed', 'cancelled'] as const) {
      run(it, 't', end)
      expect(it.children()).toEqual([])
    }
  })
})

describe('a turn machine that fails', () => {
  const boom = () => {
    throw new Error('boom')
  }

  test.each([
    ['accept', (it: TestConversation) => it.record({ type: 'input.recorded' })],
    [
      'flush',
      (it: TestConversation) => {
        it.record({ type: 'input.recorded' })
        it.reply({ type: 'reply.finished' })
      },
    ],
    [
      'seal',
      (it: TestConversation) => {
        it.record({ type: 'input.recorded' })
        it.cancel('t')
      },
    ],
    ['answerCancel', (it: TestConversation) => it.cancel('t')],
    [
      'reportSaveFailure',
      (it: TestConversation) => {
        it.record({ type: 'input.recorded' })
        it.reply({ type: 'reply.finished' })
        it.save({ type: 'turn.save-failed', code: 'database-busy' })
      },
    ],
    ['settle', (it: TestConversation) => run(it, 't', 'done')],
  ] as const)('by an action that throws (%s) is abandoned', (action, drive) => {
    const it = conversation({ [action]: boom })
    it.send('t')
    drive(it)

    expect(it.state()).toBe('failed')
    expect(it.calls.filter(([name]) => name === 'abandonTurn')).toEqual([
      ['abandonTurn', { turnId: 't', error: new Error('boom') }],
    ])
    expect(it.children()).toEqual([])
    it.send('t2')
    expect(it.state()).toBe('streaming')
  })
})
