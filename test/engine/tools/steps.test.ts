/** Steps: the engine runs the calls of a request, and asks again with their results. */
import { describe, expect, test } from 'vitest'
import type { Tool } from '../../../src/index.ts'
import { testChat } from '../../support/engine.ts'
import { Inspection } from '../../support/inspection.ts'
import { reply } from '../../../src/testing/reply.ts'
import { eventLog } from '../../support/waiting.ts'

const inputSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }
const double: Tool<{ n: number }> = { inputSchema, execute: ({ n }) => 2 * n }

const call = (id: string, n: number, name = 'double') => ({
  id,
  name,
  arguments: JSON.stringify({ n }),
})

describe('a step with calls', () => {
  test('runs its tools and asks again with their results, as one reply', async () => {
    const { provider, engine, conversation } = await testChat({ tools: { double } })
    const events = eventLog(engine)
    const inspection = new Inspection(engine)
    provider.next(
      reply('Let me see.', { toolCalls: [call('a', 1), call('b', 2)] }),
      reply('It is 2 and 4.'),
    )
    const turn = await engine.send(conversation.id, 'double 1 and 2')
    const { message, turn: record } = await turn.reply

    expect(message.parts).toMatchObject([
      { type: 'text', text: 'Let me see.' },
      { type: 'tool-call', toolCallId: 'a', input: { n: 1 } },
      { type: 'tool-call', toolCallId: 'b', input: { n: 2 } },
      { type: 'tool-result', toolCallId: 'a', output: 2, isError: false },
      { type: 'tool-result', toolCallId: 'b', output: 4, isError: false },
      { type: 'text', text: 'It is 2 and 4.' },
    ])
    expect(record).toMatchObject({ status: 'done', steps: 2, attempts: 2 })
    expect(message.finishReason).toBe('stop')
    const second = provider.requests[1]?.body as { messages: object[] } | undefined
    expect(second?.messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: 'Let me see.' },
      { role: 'tool', tool_call_id: 'a', content: '2' },
      { role: 'tool', tool_call_id: 'b', content: '4' },
    ])
    expect(inspection.machineEvents.filter((type) => !type.startsWith('xstate.'))).toEqual([
      'conversation.wake',
      'conversation.send',
      'input.recorded',
      'reply.started',
      'reply.first-delta',
      'reply.finished',
      'step.recorded',
      'tools.settled',
      'reply.started',
      'reply.first-delta',
      'reply.finished',
      'turn.saved',
    ])
    const told = events.map(({ type }) => type).filter((type) => !type.startsWith('reply.'))
    expect(told.filter((type) => type !== 'turn.phase')).toEqual([
      'turn.accepted',
      'step.finished',
      'tool.started',
      'tool.started',
      'tool.finished',
      'tool.finished',
      'step.started',
      'turn.done',
    ])
    expect(await engine.listCalls(turn.id)).toMatchObject([
      { toolCallId: 'a', state: 'finished', step: 1, attempt: 1 },
      { toolCallId: 'b', state: 'finished', step: 1 },
    ])
    expect(await engine.listSteps(turn.id)).toMatchObject([
      { step: 1, status: 'tools', attempts: 1, finishReason: 'tool-calls' },
      { step: 2, status: 'done', attempts: 1, finishReason: 'stop' },
    ])
  })
})
