import { type AnyActorRef, createActor, fromCallback, SimulatedClock } from 'xstate'
import { expect, onTestFinished, test } from 'vitest'
import { conversationMachine } from '../../src/machines/conversation.ts'
import { rootMachine } from '../../src/machines/root.ts'
import { conversationActorId, supervisorMachine } from '../../src/machines/supervisor.ts'
import { turnMachine } from '../../src/machines/turn.ts'

/** A root with one supervisor; conversations whose turns only record, and which fail on demand. */
function supervised() {
  const clock = new SimulatedClock()
  const released: string[] = []
  const abandoned: string[] = []
  const uncaught: unknown[] = []
  const onUncaught = (error: unknown) => uncaught.push(error)
  process.on('uncaughtException', onUncaught)
  onTestFinished(() => void process.off('uncaughtException', onUncaught))

  const conversation = conversationMachine.provide({
    actors: {
      turn: turnMachine.provide({ actors: { record: fromCallback(() => {}) } }),
    },
    actions: {
      refuseSend: () => {
        throw new Error('boom')
      },
    },
  })
  const supervisor = supervisorMachine.provide({
    actors: { conversation },
    actions: {
      release: (_, { conversationId }) => {
        if (conversationId === 'unreleasable') throw new Error('boom')
        released.push(conversationId)
      },
      abandonConversation: (_, { conversationId }) => void abandoned.push(conversationId),
    },
  })
  const machine = rootMachine.provide({
    actors: { supervisor },
    actions: { abandonSupervisor: (_, { supervisorId }) => void abandoned.push(supervisorId) },
  })
  const root = createActor(machine, { clock })
  root.start()
  root.send({ type: 'supervisor.open', supervisorId: 's1' })
  root.send({ type: 'supervisor.open', supervisorId: 's2' })
  const children = (actor: AnyActorRef) =>
    (actor.getSnapshot() as { children: Record<string, AnyActorRef | undefined> }).children
  const at = (id: string) => children(root)[id]
  return {
    root,
    released,
    abandoned,
    supervisors: () => Object.keys(children(root)),
    wake: (conversationId: string, supervisorId = 's1') =>
      at(supervisorId)?.send({ type: 'conversation.wake', conversationId }),
    awake: (supervisorId = 's1') => Object.keys(children(at(supervisorId) as AnyActorRef)),
    tell: (conversationId: string, event: { type: string; turnId?: string }, supervisorId = 's1') =>
      children(at(supervisorId) as AnyActorRef)[conversationActorId(conversationId)]?.send(event),
    stateOf: (conversationId: string, supervisorId = 's1') =>
      children(at(supervisorId) as AnyActorRef)[conversationActorId(conversationId)]?.getSnapshot()
        .value as unknown,
    /** What reached the host by now. XState reports from a macrotask. */
    async uncaught() {
      await new Promise((resolve) => setTimeout(resolve))
      return uncaught
    },
  }
}

test('forgets a conversation that went to sleep', () => {
  const it = supervised()
  it.wake('a')
  it.wake('b')
  it.tell('a', { type: 'conversation.sleep' })
  expect(it.released).toEqual(['a'])
  expect(it.awake()).toEqual([conversationActorId('b')])
})

test('keeps none of a thousand conversations that have come and gone', () => {
  const it = supervised()
  for (let n = 0; n < 1_000; n += 1) {
    it.wake(`c${n}`)
    it.tell(`c${n}`, { type: 'conversation.sleep' })
  }
  expect(it.released).toHaveLength(1_000)
  expect(it.awake()).toEqual([])
})

test('removes a conversation that fails; its siblings go on, and the host hears nothing', async () => {
  const it = supervised()
  it.wake('a')
  it.wake('b')
  for (const id of ['a', 'b']) it.tell(id, { type: 'conversation.send', turnId: `${id}1` })
  it.tell('a', { type: 'conversation.send', turnId: 'a2' })

  expect(it.abandoned).toEqual(['a'])
  expect(it.released).toEqual([])
  expect(it.awake()).toEqual([conversationActorId('b')])
  expect(it.stateOf('b')).toBe('streaming')
  expect(await it.uncaught()).toEqual([])

  it.wake('a')
  it.tell('a', { type: 'conversation.send', turnId: 'a3' })
  expect(it.stateOf('a')).toBe('streaming')
})

test('is itself removed when it fails; other supervisors go on', async () => {
  const it = supervised()
  it.wake('unreleasable')
  it.wake('a', 's2')
  it.tell('a', { type: 'conversation.send', turnId: 'a1' }, 's2')
  it.tell('unreleasable', { type: 'conversation.sleep' })

  expect(it.abandoned).toEqual(['s1'])
  expect(it.supervisors()).toEqual(['s2'])
  expect(it.stateOf('a', 's2')).toBe('streaming')
  expect(it.root.getSnapshot().status).toBe('active')
  expect(await it.uncaught()).toEqual([])
})

test.each(['__proto__', 'constructor', 'x'.repeat(200), 'a\u0000b', 'ä 🤖'])(
  'wakes a conversation with any id: %j',
  (id) => {
    const it = supervised()
    it.wake(id)
    expect(it.awake()).toEqual([conversationActorId(id)])
    it.tell(id, { type: 'conversation.sleep' })
    expect(it.released).toEqual([id])
  },
)
