/**
 * The rules for a database after a kill, checked on everything that can be read of it. Knows
 * nothing of which process was killed.
 */
import { expect } from 'vitest'
import type { Engine, Message } from '../../src/index.ts'
import { replyTo } from './reply-to.ts'

export interface Accepted {
  readonly turnId: string
  readonly conversationId: string
  readonly input: string
  /** The id of the reply, as it was known before any content. */
  readonly replyId: string
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The end of a turn, with its reply. */
export interface Ended {
  readonly input: string
  readonly status: string
  readonly reply: Message | undefined
}

/**
 * Expects that no accepted turn is missing, and that each turn has one end and at most one reply.
 * The text of each reply must be a prefix of the provider's text.
 *
 * @param seen - the results of earlier kills, which must not have changed
 */
export async function expectWhole(
  engine: Engine,
  accepted: readonly Accepted[],
  seen: Map<string, string>,
): Promise<ReadonlyMap<string, Ended>> {
  const ended = new Map<string, Ended>()
  for (const { id } of await engine.listConversations()) {
    const history = await engine.listMessages(id)
    expect(history.map(({ position }) => position)).toEqual(history.map((_, n) => n + 1))
    const messages = Map.groupBy(history, (message) => message.turnId)
    for (const turn of await engine.listTurns(id)) {
      const end = endOf(turn.status, messages.get(turn.id) ?? [])
      // A terminal status never changes.
      const now = JSON.stringify([end.status, end.reply])
      expect(now).toBe(seen.get(turn.id) ?? now)
      seen.set(turn.id, now)
      ended.set(turn.id, end)
      messages.delete(turn.id)
    }
    expect(messages.size).toBe(0)
  }
  for (const { turnId, input, replyId } of accepted) {
    const end = ended.get(turnId)
    expect(end?.input).toBe(input)
    expect(end?.reply?.id ?? replyId).toBe(replyId)
  }
  return ended
}

function endOf(status: string, messages: readonly Message[]): Ended {
  expect(['done', 'cancelled', 'failed', 'interrupted']).toContain(status)
  const [input, reply, ...more] = messages
  expect([input?.role, more.length]).toEqual(['user', 0])
  const text = input?.text ?? ''
  const whole = replyTo(text).join('')
  if (status === 'done') expect(reply).toMatchObject({ status: 'complete', text: whole })
  if (status === 'interrupted') expect(reply).toMatchObject({ status: 'interrupted' })
  if (reply !== undefined) {
    expect(reply.role).toBe('assistant')
    expect(whole.startsWith(reply.text)).toBe(true)
  }
  return { input: text, status, reply }
}
