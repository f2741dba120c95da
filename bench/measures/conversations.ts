/** The CPU time of the calls about conversations, in a database of a given number of them. */
import type { Engine } from '../../src/index.ts'
import { openEngine } from '../clients/colloquy-engine.ts'
// The store is no entry of the build: its code runs as it is in the sources.
import type { TurnAccept, TurnEnd } from '../../src/persistence/ports/turn-store.ts'
import { openSqliteStore } from '../../src/persistence/sqlite/store.ts'
import { replyText } from '../provider/prose.ts'
import { STARTS } from './no-queue.ts'
import { copyOf, makeConversations, type ManyConversations } from './many-conversations.ts'
import { median, Stopwatch } from './stopwatch.ts'
import { type Figures, type Measure, option } from './task.ts'

const BATCHES = 9
const CALLS = 20
/** Calls in a batch: the small database has 100 conversations of 20 messages, and turns need 20. */
const DELETIONS = 8
const REPLY = [{ type: 'text', text: replyText(60) }] as const
const QUESTION = [{ type: 'text', text: 'What is an actor?' }] as const
const PAGE = { limit: 50 }

type Call = (pick: number) => Promise<unknown>

export const measure: Measure = async (task) => {
  const many = await makeConversations(task, option(task, 'conversations'))
  const engine = await openEngine(task, { database: many.file })
  const calls = { ...listCalls(engine, many), ...treeCalls(engine, many) }
  const figures: Record<string, number> = {}
  for (const [name, call] of Object.entries(calls)) figures[`${name}Us`] = await costOf(call)
  figures['deleteUs'] = await costOf(deletion(engine, many), DELETIONS)
  await engine.close()
  return { ...figures, ...(await turnFigures(many)) }
}

/** The median of batches. Each call picks another conversation. The first batch warms up. */
async function costOf(call: Call, calls = CALLS): Promise<number> {
  const costs: number[] = []
  let picked = 0
  for (let batch = 0; batch <= BATCHES; batch += 1) {
    const watch = new Stopwatch()
    for (let n = 0; n < calls; n += 1) await call((picked += 1))
    if (batch > 0) costs.push(watch.cpuUs / calls)
  }
  return median(costs)
}

function listCalls(engine: Engine, many: ManyConversations): Readonly<Record<string, Call>> {
  const { owners, from, count } = many
  const some = (pick: number, of: number) => (pick * 7919) % of
  const owner = (pick: number) => ({ ...PAGE, ownerId: `owner-${some(pick, owners)}` })
  /** A place of the list that is far enough from its end for a whole page. */
  const place = (pick: number) => {
    const at = new Date(from + 300 + some(pick, count - 300))
    return { ...PAGE, after: { id: 'z', updatedAt: at, createdAt: at } }
  }
  const list = async (options: Parameters<Engine['listConversations']>[0]) => {
    const page = await engine.listConversations(options)
    if (page.length === 0) throw new Error(`Nothing is listed by ${JSON.stringify(options)}.`)
  }
  const folder = (pick: number) => ({ where: { folder: `folder-${some(pick, owners)}` } })
  return {
    listOfOwner: (pick) => list(owner(pick)),
    listOfAll: (pick) => list(place(pick)),
    listCreated: (pick) => list({ ...place(pick), order: 'created' }),
    listCreatedOfOwner: (pick) => list({ ...owner(pick), order: 'created' }),
    listArchive: (pick) => list({ ...place(pick), archived: true }),
    listAny: (pick) => list({ ...place(pick), archived: 'any' }),
    listAnyOfOwner: (pick) => list({ ...owner(pick), archived: 'any' }),
    listWhere: (pick) => list({ ...PAGE, ...folder(pick) }),
  }
}

function treeCalls(engine: Engine, many: ManyConversations): Readonly<Record<string, Call>> {
  const { copies, long, tree, reply } = many
  const of = (id: string, pick: number) => copyOf(id, (pick * 7919) % copies)
  const page = async (id: string, length: number) => {
    const { length: found } = await engine.listMessages(id, PAGE)
    if (found !== length) throw new Error(`A page has ${found} messages instead of ${length}.`)
  }
  return {
    page: (pick) => page(of(long, pick), 50),
    // The line of the tree: each second message of it is in a branch of its own.
    pageOfTree: (pick) => page(of(tree, pick), 24),
    branches: async (pick) => {
      const found = await engine.listBranches(of(reply, pick))
      if (found.length !== 2) throw new Error(`${found.length} branches instead of 2.`)
    },
  }
}

/** Each conversation once. Those after the deleted ones stay, for turns. */
function deletion(engine: Engine, many: ManyConversations): Call {
  const ids = shortOnes(many)
  return () => engine.deleteConversation(ids.pop() ?? '')
}

/** The conversations of 20 messages, in an order that is not that of their rows. */
function shortOnes({ copies, short }: ManyConversations): string[] {
  return short.flatMap((id) =>
    Array.from({ length: copies }, (_, n) => copyOf(id, (n * 7919) % copies)),
  )
}

/** The parts of a turn that touch the database, without the request. */
async function turnFigures(many: ManyConversations): Promise<Figures> {
  const store = await openSqliteStore({
    database: many.file,
    durability: 'full',
    clock: { now: () => Date.now(), setTimeout, clearTimeout: () => undefined },
  })
  const ids = shortOnes(many).slice(0, -DELETIONS * (BATCHES + 1))
  const idOf = (pick: number) => ids[pick % ids.length] ?? ''
  const lineUs = await costOf(async (pick) => {
    const line = await store.listHistory(idOf(pick), { branch: 0, depth: 20 })
    if (line.length !== 20) throw new Error(`A line has ${line.length} messages instead of 20.`)
  })
  const accepts: number[] = []
  const ends: number[] = []
  for (let batch = 0; batch <= BATCHES; batch += 1) {
    const turns = Array.from({ length: CALLS }, (_, n) => newTurn(idOf(batch * CALLS + n)))
    const accepting = new Stopwatch()
    for (const turn of turns) await store.acceptTurn(turn)
    const accepted = accepting.cpuUs
    const ending = new Stopwatch()
    for (const turn of turns) await store.endTurn(endOf(turn))
    if (batch === 0) continue
    accepts.push(accepted / CALLS)
    ends.push(ending.cpuUs / CALLS)
  }
  await store.close()
  return { lineUs, acceptUs: median(accepts), endUs: median(ends) }
}

function newTurn(conversationId: string): TurnAccept {
  return {
    turnId: crypto.randomUUID(),
    conversationId,
    messageId: crypto.randomUUID(),
    replyId: crypto.randomUUID(),
    role: 'user',
    parts: QUESTION,
    at: new Date(),
    bind: () => ({ endpoint: 'online', model: 'm' }),
    placement: STARTS,
  }
}

function endOf({ turnId, conversationId, replyId }: TurnAccept): TurnEnd {
  return {
    turnId,
    conversationId,
    replyId,
    lastSeqs: { content: 2, terminal: 3 },
    status: 'done',
    attempts: 1,
    hasCheckpoints: false,
    usage: { inputTokens: 19, outputTokens: 60, source: 'provider' },
    reply: { parts: REPLY, finishReason: 'stop', model: 'm' },
    at: new Date(),
  }
}
