/** The targets of the project: `must` is promised, `aim` is wanted. */

export interface Target {
  readonly must: number
  readonly aim: number
  readonly better: 'lower' | 'higher'
}

const atMost = (must: number, aim: number): Target => ({ must, aim, better: 'lower' })
const atLeast = (must: number, aim: number): Target => ({ must, aim, better: 'higher' })

export const TARGETS: Readonly<Record<string, Target>> = {
  'saturated.floor': atMost(0.9, 0.5),
  'paced.floor': atMost(0.8, 0.6),
  'turn.floor': atMost(1.4, 0.9),
  'saturated.ai-sdk': atLeast(12, 25),
  'paced.ai-sdk': atLeast(3, 4),
  'turn.ai-sdk': atLeast(5, 8),
  'saturated.openai-node': atLeast(3.5, 6),
  'paced.openai-node': atLeast(1.6, 2),
  'turn.openai-node': atLeast(1.5, 2.5),
  'tools.floor': atMost(1.2, 0.9),
  'tools.unsaved': atMost(0.7, 0.5),
  'tools.paced': atMost(0.8, 0.6),
  'tools.ai-sdk': atLeast(5, 8),
  'live.heap': atMost(1, 0.7),
  'first-delta.floor': atMost(1.3, 0.9),
  'length.growth': atMost(1.15, 1),
  'saving.flush': atMost(0.25, 0.1),
  'readers.subject': atMost(1.5, 1.1),
  'http.fan-out': atMost(1, 0.85),
  'http.fan-out-response': atMost(2, 1.5),
  'http.turn': atMost(0.5, 0.35),
  'http.idle': atMost(12, 8),
  'http.idle-response': atMost(20, 14),
  'http.delay': atMost(0.5, 0.25),
  'http.join': atMost(1.5, 1.2),
  'http.reconnect': atMost(6_000, 4_000),
  'http.length': atMost(1.3, 1.1),
  'idle.per-gib': atLeast(100_000, 200_000),
  'conversations.growth': atMost(4, 2),
  'conversations.start-with': atMost(1.1, 1),
  'conversations.ai-sdk': atMost(1, 0.7),
}

export type Verdict = 'aim' | 'must' | 'missed'

export function verdict(measured: number, { must, aim, better }: Target): Verdict {
  const reaches = (bound: number) => (better === 'lower' ? measured <= bound : measured >= bound)
  if (reaches(aim)) return 'aim'
  return reaches(must) ? 'must' : 'missed'
}
