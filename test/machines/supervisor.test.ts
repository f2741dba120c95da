/** The supervisor machine: a conversation that fails is removed, and the others go on. */
import { createActor, SimulatedClock } from 'xstate'
import { expect, onTestFinished, test } from 'vitest'
import type { ConversationMachineEvent } from '../../src/machines/conversation-events.ts'
import { conversationMachine } from '../../src/machines/conversation.ts'
import { conversationActorId, supervisorMachine } from '../../src/machines/supervisor.ts'
import { turnMachine } from '../../src/machines/turn.ts'

/** A supervisor with conversations. Their turns only record, and they fail on demand. */
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
      turn: turnMachine,
    },
    actions: {
      refuseSend: () => {
        throw new Error('boom')
      },
    },
  })
  const supervisor = createActor(
    supervisorMachine.provide({
      actors: { conversation },
      actions: {
        release: (_, { conversationId }) => void released.push(conversationId),
        abandonConversation: (_, { conversationId }) => void abandoned.push(conversationId),
      },
    }),
    { clock },
  )
  supervisor.start()
  const child = (conversationId: string) =>
    supervisor.getSnapshot().children[conversationActorId(conversationId)]
  return {
    supervisor,
    released,
    abandoned,
    wake: (conversationId: string) =>
      supervisor.send({ type: 'conversation.wake', conversationId }),
    awake: () => Object.keys(supervisor.getSnapshot().children),
    tell: (conversationId: string, event: ConversationMachineEvent) =>
      child(conversationId)?.send(event),
    stateOf: (conversationId: string) => child(conversationId)?.getSnapshot().value,
    /** The errors that have reached the host. XState reports them from a macrotask. */
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
  expect(it.supervisor.getSnapshot().status).toBe('active')
  expect(await it.uncaught()).toEqual([])

  it.wake('a')
  it.tell('a', { type: 'conversation.send', turnId: 'a3' })
  expect(it.stateOf('a')).toBe('streaming')
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
