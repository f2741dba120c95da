/** What a transcript shows of stored messages and a running turn. */
import { expect, test } from 'vitest'
import { lineOf } from '../../examples/web/src/chat/line.ts'

type Message = Parameters<typeof lineOf>[0][number]
type Turn = NonNullable<Parameters<typeof lineOf>[1]>

function message(id: string, role: Message['role'], parentId?: string): Message {
  return {
    id,
    role,
    conversationId: 'c',
    turnId: `turn-${id}`,
    ...(parentId !== undefined && { parentId }),
    position: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    parts: [{ type: 'text', text: id }],
    text: id,
    status: 'complete',
  }
}

function turnOf(answered: Message): Turn {
  return { id: 't', replyId: 'r', phase: 'receiving', message: answered }
}

const reply = { turnId: 't', messageId: 'r', parts: [] }
const line = [message('q1', 'user'), message('a1', 'assistant', 'q1'), message('q2', 'user', 'a1')]

function ids(...args: Parameters<typeof lineOf>): string[] {
  return lineOf(...args).items.map(({ id }) => id)
}

test('ends with the reply that is being written', () => {
  expect(ids(line, undefined, undefined)).toEqual(['q1', 'a1', 'q2'])
  expect(ids(line, turnOf(line[2] as Message), reply)).toEqual(['q1', 'a1', 'q2', 'r'])
})

test('leaves out what a regenerated reply replaces', () => {
  expect(ids(line, turnOf(line[0] as Message), reply)).toEqual(['q1', 'r'])
})

test('leaves out what an edited question replaces, before the line is loaded', () => {
  expect(ids(line, turnOf(message('q2b', 'user', 'a1')), reply)).toEqual(['q1', 'a1', 'q2b', 'r'])
  expect(ids(line, turnOf(message('q1b', 'user')), reply)).toEqual(['q1b', 'r'])
})

test('does not show a reply twice that is stored already', () => {
  const stored = [...line, message('r', 'assistant', 'q2')]
  expect(ids(stored, undefined, reply)).toEqual(['q1', 'a1', 'q2', 'r'])
})

test('gives the results of tools that came as messages of their own', () => {
  const result = {
    type: 'tool-result',
    toolCallId: 'x',
    toolName: 't',
    output: 1,
    isError: false,
  } as const
  const { items, results } = lineOf(
    [...line, { ...message('m', 'tool', 'q2'), parts: [result] }],
    undefined,
    undefined,
  )
  expect(items.map(({ id }) => id)).toEqual(['q1', 'a1', 'q2'])
  expect(results.get('x')).toBe(result)
})
