/** A chat whose first reply waits for its gate, for tests of queues. */
import type { Engine, EngineOptions, Turn } from '../../../src/index.ts'
import { testChat } from '../../support/engine.ts'
import { closedGate, streamed } from '../../support/scripts.ts'

/** An engine that queues, with a turn that runs until `gate.open()`. */
export async function busyChat(options: EngineOptions = {}) {
  const chat = await testChat({ sendPolicy: 'queue', ...options })
  const gate = closedGate()
  chat.provider.always((exchange) => {
    // An input without a reply is in the same message as the next one.
    const question = String(exchange.body.messages.at(-1)?.content).split('\n').at(-1)
    return streamed([`re: ${question}`])(exchange)
  })
  chat.provider.next(streamed(['first ', 'reply'], { gate: gate.opened }))
  const { id } = chat.conversation
  const running = await chat.engine.send(id, 'running')
  await chat.provider.request(0)
  return { ...chat, id, gate, running }
}

export async function queueOf(engine: Engine, id: string): Promise<readonly string[]> {
  return (await engine.listQueue(id)).map(({ turnId }) => turnId)
}

export function ids(turns: readonly Turn[]): readonly string[] {
  return turns.map((turn) => turn.id)
}
