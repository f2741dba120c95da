/**
 * Plays one row of the fault table through the public API. Notes every effect: at the host, in the
 * store, at the provider, and on the healthy request that follows. Knows nothing of expectations.
 */
import { SimulatedClock } from 'xstate'
import { type ColloquyError, createEngine } from '../../src/index.ts'
import type {
  ConversationEvent,
  Engine,
  EngineOptions,
  Message,
  Part,
  Receipt,
  Snapshot,
  Turn,
  TurnRecord,
} from '../../src/index.ts'
import { reply, startProvider } from '../../src/testing.ts'
import type { Exchange, Provider } from '../../src/testing.ts'
import { outcomeOf } from '../support/waiting.ts'
import { type Fault, KEY, QUESTION, type Scene, type Stage } from './fault.ts'

export interface Observation {
  /** `hung`: the turn did not end within the time limit. */
  readonly outcome: 'done' | 'failed' | 'cancelled' | 'hung'
  readonly error: ReturnType<ColloquyError['toJSON']> | undefined
  readonly requests: number
  readonly receipt: Receipt | undefined
  /** The reply as stored. */
  readonly stored: Message | undefined
  /** The parts of the last snapshot that a snapshot reader got. */
  readonly streamed: readonly Part[] | undefined
  /** The text of all deltas together. */
  readonly added: string
  /** The parts in the error's `partial`. */
  readonly partial: readonly Part[] | undefined
  readonly turn: TurnRecord | undefined
  /** The types of the terminal events, and whether no event follows them. */
  readonly ends: readonly string[]
  readonly endsLast: boolean
  /** The inputs in the store. */
  readonly inputs: readonly string[]
  /**
   * Sockets that the row left open. A whole answer may leave one for the next request: not counted.
   */
  readonly socketsLeft: number
  /** The sockets that the other server saw. */
  readonly otherSockets: number
  /** True if the key appears in an event, an error or the store. */
  readonly keySeen: boolean
  /** The text of the next reply, or the reason why there is none. */
  readonly healthy: string
  /** True if the next request held the row's question. */
  readonly healthyAsked: boolean
}

/** The options of the engine that the rows share: rows leave nothing behind. */
const ORDINARY: EngineOptions = {
  database: ':memory:',
  autoTitle: false,
  emitIntervalMs: 20,
  // A row is about one failure. Retries are for the rows of `recoveries`.
  retry: { maxAttempts: 1 },
  // Only usage that the provider has reported is shown.
  usageOnCancel: 'none',
  logger: { debug() {}, info() {}, warn() {}, error() {} },
}

const HEALTHY = 'Still here'
/** The time in which a closed connection shows at the other end: below the engine's keep-alive. */
const CLOSING_MS = 3_000

export class FaultTable {
  #shared: Promise<Engine> | undefined
  #rows = 0

  async observe(fault: Fault): Promise<Observation> {
    const clock = new SimulatedClock()
    const isOwn = fault.options !== undefined || fault.timed === true
    const engine = await (isOwn
      ? createEngine({ ...ORDINARY, ...fault.options, ...(fault.timed === true && { clock }) })
      : (this.#shared ??= createEngine(ORDINARY)))
    await using provider = await startProvider()
    await using other = await startProvider()
    try {
      const endpoint = `row-${(this.#rows += 1)}`
      const url = (await fault.url?.({ provider })) ?? provider.url
      const { dialect } = fault
      await engine.putEndpoint(endpoint, { url, apiKey: KEY, model: 'm', dialect })
      const conversation = await engine.startConversation({ endpoint })
      const stage = { engine, conversation, provider, other, clock }
      return await observeOn(stage, fault, endpoint)
    } finally {
      if (isOwn) await engine.close()
    }
  }

  async close(): Promise<void> {
    await (await this.#shared)?.close()
  }
}

async function observeOn(stage: Stage, fault: Fault, endpoint: string): Promise<Observation> {
  const { engine, conversation, provider, other } = stage
  const { upstream = [] } = fault
  const scripts = typeof upstream === 'function' ? [upstream] : upstream
  provider.next(...scripts.slice(0, -1))
  for (const script of scripts.slice(-1)) provider.always(script)
  await fault.arrange?.(stage)

  const heard = new Heard()
  const subscription = engine.events(conversation.id).subscribe((event) => heard.note(event))
  const starts = fault.meanwhile === undefined ? undefined : startsOf(engine)
  const turn = await engine.send(conversation.id, QUESTION, fault.send)
  const reading = lastSnapshot(turn)
  let receipt: Receipt | undefined
  const scene: Scene = {
    ...stage,
    turn,
    started: async () => await starts?.of(turn.id),
    cancel: async () => {
      receipt = await engine.cancel(conversation.id)
    },
  }
  const meanwhile = fault.meanwhile?.(scene)
  const end = await within(fault.patienceMs ?? 15_000, outcomeOf(turn.reply))
  if (end === 'too late') await turn.cancel()
  await meanwhile
  starts?.stop()
  const streamed = await reading
  const requests = provider.requests.length
  const socketsLeft = await socketsLeftAt(
    provider,
    Math.min(CLOSING_MS, fault.patienceMs ?? Infinity),
  )
  subscription.unsubscribe()

  const history = await engine.listMessages(conversation.id)
  const record = await engine.getTurn(turn.id)
  const error = end !== 'too late' && 'error' in end ? (end.error as ColloquyError) : undefined
  const seen = JSON.stringify([
    heard.events,
    heard.text,
    history,
    record,
    error,
    error?.message,
    error?.stack,
  ])
  const next = await healthyRequest(stage, endpoint, fault.dialect)
  const stored = history.find(({ role }) => role === 'assistant')
  return {
    outcome: end === 'too late' ? 'hung' : outcomeFrom(error),
    error: error?.toJSON(),
    requests,
    receipt,
    stored: stored && shortened(stored),
    streamed: streamed?.parts.map(shortPart),
    added: short(heard.text),
    partial: error?.partial?.parts.map(shortPart),
    turn: record,
    ends: heard.ends,
    endsLast: heard.last === heard.ends.at(-1),
    inputs: history.filter(({ role }) => role === 'user').map(({ text }) => text),
    socketsLeft,
    otherSockets: other.socketsOpened,
    keySeen: seen.includes(KEY),
    ...next,
  }
}

/** The notes of a subscriber. Replies may be long, so of their deltas only the text is kept. */
class Heard {
  readonly events: ConversationEvent[] = []
  readonly ends: string[] = []
  text = ''
  last = ''

  note(event: ConversationEvent): void {
    this.last = event.type
    if (/^turn\.(done|failed|cancelled|interrupted)$/.test(event.type)) this.ends.push(event.type)
    if (event.type === 'reply.delta') {
      for (const delta of event.deltas) if (delta.type === 'text') this.text += delta.text
    } else if (event.type !== 'reply.snapshot') this.events.push(event)
  }
}

/** Tells when the headers of a turn's answer have arrived. */
function startsOf(engine: Engine) {
  const begun = new Map<string, PromiseWithResolvers<void>>()
  const at = (turnId: string): PromiseWithResolvers<void> => {
    const known = begun.get(turnId) ?? Promise.withResolvers<void>()
    begun.set(turnId, known)
    return known
  }
  const subscription = engine.inspect((event) => {
    if (event.type !== '@xstate.event' || event.event.type !== 'reply.started') return
    const { context } = event.actorRef.getSnapshot() as { context: { turnId: string } }
    at(context.turnId).resolve()
  })
  return {
    of: (turnId: string) => at(turnId).promise,
    stop: () => subscription.unsubscribe(),
  }
}

function outcomeFrom(error: ColloquyError | undefined): 'done' | 'failed' | 'cancelled' {
  if (error === undefined) return 'done'
  return error.code === 'cancelled' ? 'cancelled' : 'failed'
}

/** Sends once more: the same engine and conversation, with a provider that works again. */
async function healthyRequest(
  { engine, provider, conversation }: Stage,
  endpoint: string,
  dialect: Fault['dialect'],
): Promise<Pick<Observation, 'healthy' | 'healthyAsked'>> {
  provider.welcome('serve')
  provider.always(reply(HEALTHY))
  await engine.putEndpoint(endpoint, { url: provider.url, apiKey: KEY, model: 'm', dialect })
  const before = provider.requests.length
  const turn = await engine.send(conversation.id, 'And now?')
  const end = await within(10_000, outcomeOf(turn.reply))
  if (end === 'too late') await turn.cancel()
  const asked = JSON.stringify(provider.requests[before]?.body ?? null)
  // Not every format takes a lone surrogate.
  const forms = [QUESTION, QUESTION.toWellFormed()].map((text) => JSON.stringify(text).slice(1, -1))
  return {
    healthy:
      end === 'too late'
        ? 'hung'
        : 'value' in end
          ? end.value.message.text
          : (end.error as ColloquyError).code,
    healthyAsked: forms.some((form) => asked.includes(form)) && asked.includes('And now?'),
  }
}

/** Waits until the row's connections are closed, up to a time limit. */
async function socketsLeftAt(provider: Provider, ms: number): Promise<number> {
  await within(ms, Promise.all(provider.requests.map(({ closed }) => closed)))
  const kept = provider.requests.some(isWhole) ? 1 : 0
  await within(ms, provider.quiet(kept))
  return Math.max(0, provider.openSockets - kept)
}

/** Returns true if an answer was sent to its end. Its connection may serve the next request. */
function isWhole({ response }: Exchange): boolean {
  return response.writableFinished
}

async function lastSnapshot(turn: Turn): Promise<Snapshot | undefined> {
  let last: Snapshot | undefined
  try {
    for await (const snapshot of turn.snapshots()) last = snapshot
  } catch {
    // `turn.reply` rejects with the same error, which is examined there.
  }
  return last
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | 'too late'> {
  const { promise: late, resolve } = Promise.withResolvers<'too late'>()
  const timer = setTimeout(resolve, ms, 'too late')
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

const LONGEST = 10_000

/** Shortens texts, since observations are kept and some replies have many megabytes. */
function short(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, 20)}…${text.length}`
}

function shortPart(part: Part): Part {
  if (part.type === 'text' || part.type === 'reasoning') return { ...part, text: short(part.text) }
  if (part.type !== 'tool-call' || part.inputText.length <= LONGEST) return part
  return { ...part, inputText: short(part.inputText), input: undefined }
}

function shortened(message: Message): Message {
  return { ...message, text: short(message.text), parts: message.parts.map(shortPart) }
}
