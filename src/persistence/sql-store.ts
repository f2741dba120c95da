/**
 * The store over any SQL database that MikroORM opens. Writes go through the writer queue, reads
 * go around it.
 *
 * Rows are plain objects: there is no identity map that grows. Knows neither the kind of database
 * nor how it is opened: that is in `sqlite/store.ts` and `sqlite/view.ts`.
 */
import type { ConversationRecord, ConversationUpdate } from '../protocol/conversation.ts'
import {
  callNotFound,
  ColloquyError,
  conversationExists,
  conversationNotFound,
  errorRecord,
} from '../protocol/errors.ts'
import type { Logger } from '../protocol/logger.ts'
import type { Message, Usage } from '../protocol/message.ts'
import type { CallRecord, StepRecord } from '../protocol/call.ts'
import type { TurnRecord } from '../protocol/turn.ts'
import { BrokenRows } from './broken-rows.ts'
import type { SqlDatabase } from './sql-database.ts'
import { acceptTurnJob } from './statements/accept-turn.ts'
import type { Acceptance } from './statements/accepting.ts'
import { readable, readRows, text } from './statements/checked-row.ts'
import { checkpointJob } from './statements/checkpoints.ts'
import { ConversationLists } from './statements/conversation-lists.ts'
import { conversationRecord } from './statements/conversation-row.ts'
import {
  createConversationJob,
  updateConversationJob,
  archiveConversationJob,
  SELECT_VISIBLE,
  titleConversationJob,
} from './statements/conversations.ts'
import {
  deleteConversationJob,
  deletionSliceJob,
  SELECT_DELETED,
} from './statements/delete-conversation.ts'
import { endTurnJob } from './statements/end-turn.ts'
import { storedEndpoint } from './statements/endpoint-row.ts'
import { DELETE_ENDPOINT, putEndpointJob, SELECT_ENDPOINTS } from './statements/endpoints.ts'
import { guarded } from './statements/epoch.ts'
import { forkConversationJob } from './statements/fork-conversation.ts'
import { readPage } from './statements/message-pages.ts'
import { messageRecord } from './statements/message-row.ts'
import { readHistory, readMessages, SELECT_REPLY } from './statements/messages.ts'
import { SELECT_PLACED_MESSAGE } from './statements/placed-messages.ts'
import { probeJob } from './statements/probe.ts'
import { readQueue, SELECT_QUEUED_CONVERSATIONS } from './statements/queue.ts'
import { regenerateTurnJob } from './statements/regenerate-turn.ts'
import { putSettingJob, readSettings } from './statements/settings.ts'
import { readBranches } from './statements/siblings.ts'
import { endQueuedJob, withdrawInputJob } from './statements/leave-queue.ts'
import { startQueuedJob } from './statements/start-turn.ts'
import { type Connection } from './statements/statement.ts'
import { fromText, toText } from './statements/stored-text.ts'
import { recordResultsJob, recordStepJob, startCallsJob } from './statements/steps.ts'
import { switchBranchJob } from './statements/switch-branch.ts'
import { readKeyedTurn, readTurnParts } from './statements/turn-parts.ts'
import { turnRecord } from './statements/turn-row.ts'
import { recordUsageJob } from './statements/turn-usage.ts'
import { SELECT_LAST_TURN, SELECT_TURNS, SELECT_VISIBLE_TURN } from './statements/turns.ts'
import { viewerParameters } from './statements/visible.ts'
import type {
  ArchivedConversation,
  BranchSwitch,
  ConversationArchive,
  ConversationFork,
  ConversationList,
  DeletedConversation,
  HistoryMessage,
  MessagePage,
  NewConversation,
  Place,
  SwitchedBranch,
  Viewer,
} from './ports/conversation-store.ts'
import type { StoredEndpoint } from './ports/endpoint-store.ts'
import type { PlacedTurn, StoredQueuedTurn } from './ports/placement.ts'
import type {
  QueuedEnd,
  QueuedInput,
  QueuedStart,
  StartedTurn,
  WithdrawnTurn,
} from './ports/queue-store.ts'
import type { LateOutcome } from './ports/call-write.ts'
import type { ResultsWrite, StepWrite } from './ports/step-store.ts'
import type {
  AnsweredCall,
  CallAnswer,
  ExpiredCall,
  FoundCall,
  ResumedTurn,
  StoredWait,
  TurnResume,
  TurnWait,
  WaitingCallList,
} from './ports/wait-store.ts'
import {
  answerCallJob,
  noteLateJob,
  readCall,
  readCalls,
  readExpired,
  readSteps,
  readWaitingCalls,
  supplyCallJob,
} from './statements/known-calls.ts'
import { readWait } from './statements/stored-wait.ts'
import { resumeTurnJob, waitTurnJob } from './statements/wait-turn.ts'
import { SELECT_NEXT_EXPIRY, SELECT_WAITING_TURN } from './statements/waiting-calls.ts'
import type { Store, StoreHealth } from './ports/store.ts'
import type {
  AcceptedTurn,
  CostedTurn,
  EndedTurn,
  StoredTurnParts,
  TurnAccept,
  TurnCheckpoint,
  TurnEnd,
  TurnRegenerate,
  TurnStart,
} from './ports/turn-store.ts'
import type { WriteOptions, WriterQueue } from './writer/writer-queue.ts'

/** The longest wait for a busy database, in milliseconds. */
export const PATIENCE_MS = 10_000
/** The longest wait for capacity in the queue. Longer, because other writes succeed meanwhile. */
const CAPACITY_PATIENCE_MS = 30_000
/**
 * The longest wait for a busy database when a turn ends or has a checkpoint. Shorter, because a
 * turn shows that it could not be saved, and its save is retried, as checkpoints are.
 */
const END_PATIENCE_MS = 500

type Job<T> = (tx: Connection) => Promise<T>

interface SqlStoreParts {
  /** Releases the lock of the database; called last. */
  readonly release?: (() => void) | undefined
  /** Returns false if another engine could acquire the lock. */
  readonly isLocked?: (() => boolean) | undefined
  readonly logger?: Logger | undefined
}

export class SqlStore implements Store {
  readonly epoch: number
  readonly #database: SqlDatabase
  readonly #writer: WriterQueue<Connection>
  readonly #parts: SqlStoreParts
  readonly #brokenRows: BrokenRows
  readonly #lists = new ConversationLists()
  #checking: Promise<StoreHealth> | undefined
  #closing: Promise<void> | undefined

  constructor(
    database: SqlDatabase,
    writer: WriterQueue<Connection>,
    epoch: number,
    parts: SqlStoreParts = {},
  ) {
    this.#database = database
    this.#writer = writer
    this.epoch = epoch
    this.#parts = parts
    this.#brokenRows = new BrokenRows(parts.logger)
  }

  /** The number of committed write transactions. */
  get transactions(): number {
    return this.#writer.transactions
  }

  async createConversation(conversation: NewConversation): Promise<ConversationRecord> {
    const created = await this.#write(() => createConversationJob(conversation))
    if (created === undefined) throw conversationExists()
    return created
  }

  async getConversation(id: string, viewer?: Viewer): Promise<ConversationRecord | undefined> {
    const row = await this.#read((connection) =>
      SELECT_VISIBLE.first(connection, { id: toText(id), ...viewerParameters(viewer) }),
    )
    return row && conversationRecord(row)
  }

  async listConversations(list: ConversationList): Promise<readonly ConversationRecord[]> {
    const rows = await this.#read((connection) => this.#lists.read(connection, list))
    return readRows(rows, conversationRecord, this.#brokenRows.report)
  }

  async updateConversation(
    id: string,
    changes: ConversationUpdate,
    at: Date,
    viewer?: Viewer,
  ): Promise<ConversationRecord | undefined> {
    return await this.#write(() => updateConversationJob(id, changes, at, viewer))
  }

  async archiveConversation(
    archive: ConversationArchive,
    viewer?: Viewer,
  ): Promise<ArchivedConversation | undefined> {
    return await this.#write(() => archiveConversationJob(archive, viewer))
  }

  async titleConversation(id: string, title: string): Promise<ConversationRecord | undefined> {
    return await this.#write(() => titleConversationJob(id, title))
  }

  async deleteConversation(
    id: string,
    at: Date,
    viewer?: Viewer,
  ): Promise<DeletedConversation | undefined> {
    const result = await this.#write(() => deleteConversationJob(id, at, viewer))
    if (result?.isLarge === true) await this.#deleteRest(toText(id))
    return result?.deleted
  }

  async finishDeletions(): Promise<void> {
    const marked = await this.#read((connection) => SELECT_DELETED.all(connection, {}))
    for (const { id } of marked) await this.#deleteRest(id)
  }

  /**
   * Deletes the rows of a conversation that is marked, a slice in each transaction. It is deleted for
   * every caller by then, so a failure is no error of theirs: the next opening goes on, as it does
   * after a closing.
   */
  async #deleteRest(id: string): Promise<void> {
    try {
      while (!(await this.#write(() => deletionSliceJob(id))));
    } catch (error) {
      if (this.#closing !== undefined) return
      const { code } = errorRecord(error)
      this.#parts.logger?.warn(
        { code },
        'The rows of a deleted conversation could not all be removed. No call returns them; the next opening goes on.',
      )
    }
  }

  async listMessages(
    conversationId: string,
    page: MessagePage = {},
    viewer?: Viewer,
  ): Promise<readonly Message[] | undefined> {
    return await this.#read((connection) =>
      readPage(connection, conversationId, page, this.#brokenRows.report, viewer),
    )
  }

  async listLine(conversationId: string, place: Place): Promise<readonly Message[]> {
    return await this.#read((connection) =>
      readMessages(connection, conversationId, place, this.#brokenRows.report),
    )
  }

  async listHistory(conversationId: string, place: Place): Promise<readonly HistoryMessage[]> {
    return await this.#read((connection) =>
      readHistory(connection, conversationId, place, this.#brokenRows.report),
    )
  }

  async getMessage(id: string, viewer?: Viewer): Promise<Message | undefined> {
    const named = { id, ...viewerParameters(viewer) }
    const row = await this.#read((connection) => SELECT_PLACED_MESSAGE.first(connection, named))
    return row && messageRecord(row)
  }

  async listBranches(messageId: string, viewer?: Viewer): Promise<readonly Message[] | undefined> {
    return await this.#read((connection) =>
      readBranches(connection, messageId, this.#brokenRows.report, viewer),
    )
  }

  async switchBranch(change: BranchSwitch, viewer?: Viewer): Promise<SwitchedBranch> {
    const switched = await this.#write(() => switchBranchJob(change, viewer))
    if ('refusal' in switched) throw switched.refusal
    return switched
  }

  async forkConversation(fork: ConversationFork, viewer?: Viewer): Promise<ConversationRecord> {
    const forked = await this.#write(() => forkConversationJob(fork, viewer))
    if (forked === undefined) throw conversationExists()
    if ('refusal' in forked) throw forked.refusal
    return forked
  }

  async getTurn(id: string, viewer?: Viewer): Promise<TurnRecord | undefined> {
    const named = { id, ...viewerParameters(viewer) }
    const row = await this.#read((connection) => SELECT_VISIBLE_TURN.first(connection, named))
    return row && turnRecord(row)
  }

  async listTurns(conversationId: string, viewer?: Viewer): Promise<readonly TurnRecord[]> {
    const named = { conversation_id: toText(conversationId), ...viewerParameters(viewer) }
    const rows = await this.#read((connection) => SELECT_TURNS.all(connection, named))
    return readRows(rows, turnRecord, this.#brokenRows.report)
  }

  async lastTurn(conversationId: string, viewer?: Viewer): Promise<TurnRecord | undefined> {
    const named = { conversation_id: toText(conversationId), ...viewerParameters(viewer) }
    const row = await this.#read((connection) => SELECT_LAST_TURN.first(connection, named))
    return row && turnRecord(row)
  }

  async keyedTurn(
    conversationId: string,
    idempotencyKey: string,
    viewer?: Viewer,
  ): Promise<StoredTurnParts | undefined> {
    return await this.#read((connection) =>
      readKeyedTurn(connection, conversationId, idempotencyKey, viewer),
    )
  }

  async turnParts(turnId: string, viewer?: Viewer): Promise<StoredTurnParts | undefined> {
    return await this.#read((connection) => readTurnParts(connection, turnId, viewer))
  }

  async replyOf(turnId: string): Promise<Message | undefined> {
    const row = await this.#read((connection) =>
      SELECT_REPLY.first(connection, { turn_id: turnId }),
    )
    return row && messageRecord(row)
  }

  async acceptTurn(accept: TurnAccept): Promise<AcceptedTurn | PlacedTurn> {
    const acceptance = await this.#begin(
      () => acceptTurnJob(accept, this.epoch, this.#brokenRows.report),
      accept,
    )
    return 'queued' in acceptance ? acceptance.queued : acceptance.accepted
  }

  async regenerateTurn(regenerate: TurnRegenerate): Promise<AcceptedTurn | PlacedTurn> {
    const acceptance = await this.#begin(
      () => regenerateTurnJob(regenerate, this.epoch, this.#brokenRows.report),
      regenerate,
    )
    return 'queued' in acceptance ? acceptance.queued : acceptance.accepted
  }

  async listQueue(conversationId: string, viewer?: Viewer): Promise<readonly StoredQueuedTurn[]> {
    const named = { conversation_id: toText(conversationId), ...viewerParameters(viewer) }
    return await this.#read((connection) => readQueue(connection, named, this.#brokenRows.report))
  }

  async listQueuedConversations(
    after: string,
    limit: number,
    viewer?: Viewer,
  ): Promise<readonly string[]> {
    const named = { after: toText(after), limit, ...viewerParameters(viewer) }
    const rows = await this.#read((connection) =>
      SELECT_QUEUED_CONVERSATIONS.all(connection, named),
    )
    return rows.map((row) => fromText(row.conversation_id))
  }

  async startQueued(start: QueuedStart): Promise<StartedTurn> {
    const job = () => startQueuedJob(start, this.epoch)
    const started = await this.#held(job, { isUrgent: true, name: start.turnId })
    if (started === undefined) throw notQueued()
    return started
  }

  async withdrawInput(input: QueuedInput): Promise<readonly Message[] | undefined> {
    return await this.#write(() => withdrawInputJob(input))
  }

  async endQueued(end: QueuedEnd): Promise<WithdrawnTurn | undefined> {
    return await this.#write(() => endQueuedJob(end, this.epoch))
  }

  withdrawTurn(turnId: string): void {
    this.#writer.withdraw(turnId)
  }

  async checkpoint(checkpoint: TurnCheckpoint): Promise<boolean> {
    return await this.#writer.submit(checkpointJob(checkpoint, this.epoch), {
      patienceMs: END_PATIENCE_MS,
      isCheckpoint: true,
    })
  }

  async endTurn(end: TurnEnd): Promise<EndedTurn> {
    const ended = await this.#writer.submit(endTurnJob(end, this.epoch), {
      patienceMs: END_PATIENCE_MS,
    })
    if (ended !== undefined) return ended
    throw new ColloquyError(
      'turn-not-found',
      'There is no such turn any more: its conversation was deleted.',
    )
  }

  async recordStep(step: StepWrite): Promise<boolean> {
    return await this.#ofTurn(recordStepJob(step, this.epoch))
  }

  async startCalls(callIds: readonly string[], at: Date): Promise<boolean> {
    return await this.#ofTurn(startCallsJob(callIds, at, this.epoch))
  }

  async recordResults(results: ResultsWrite): Promise<boolean> {
    return await this.#ofTurn(recordResultsJob(results, this.epoch))
  }

  async recordLate(callId: string, outcome: LateOutcome): Promise<boolean> {
    return await this.#write(() => noteLateJob(callId, outcome))
  }

  async listSteps(turnId: string, viewer?: Viewer): Promise<readonly StepRecord[]> {
    return await this.#read((connection) => readSteps(connection, turnId, viewer))
  }

  async listCalls(turnId: string, viewer?: Viewer): Promise<readonly CallRecord[]> {
    return await this.#read((connection) => readCalls(connection, turnId, viewer))
  }

  async supplyCall(
    callId: string,
    outcome: LateOutcome,
    at: Date,
    viewer?: Viewer,
  ): Promise<{ readonly isTaken: boolean; readonly call: CallRecord }> {
    const supplied = await this.#write(() => supplyCallJob(callId, outcome, at, viewer))
    if (supplied === undefined) throw callNotFound(callId)
    return supplied
  }

  async findCall(callId: string, viewer?: Viewer): Promise<FoundCall> {
    const found = await this.#read((connection) => readCall(connection, callId, viewer))
    if (found === undefined) throw callNotFound(callId)
    return found
  }

  async answerCall(answer: CallAnswer, at: Date, viewer?: Viewer): Promise<AnsweredCall> {
    const answered = await this.#write(() => answerCallJob(answer, at, this.epoch, viewer))
    if (answered === undefined) throw callNotFound(answer.callId)
    return answered
  }

  async waitTurn(wait: TurnWait): Promise<'waiting' | 'changed' | 'lost'> {
    return await this.#ofTurn(waitTurnJob(wait, this.epoch))
  }

  async resumeTurn(resume: TurnResume): Promise<ResumedTurn | undefined> {
    const resumed = await this.#held(() => guarded(resumeTurnJob(resume, this.epoch), this.epoch), {
      isUrgent: true,
    })
    if (resumed !== undefined && 'refusal' in resumed) throw resumed.refusal
    return resumed
  }

  async readWait(turnId: string, viewer?: Viewer): Promise<StoredWait | undefined> {
    return await this.#read((connection) => readWait(connection, turnId, viewerParameters(viewer)))
  }

  async waitingTurn(conversationId: string, viewer?: Viewer): Promise<string | undefined> {
    const named = { id: toText(conversationId), ...viewerParameters(viewer) }
    const row = await this.#read((connection) => SELECT_WAITING_TURN.first(connection, named))
    return row?.id
  }

  async listWaitingCalls(list: WaitingCallList): Promise<readonly CallRecord[]> {
    return await this.#read((connection) =>
      readWaitingCalls(connection, list, this.#brokenRows.report),
    )
  }

  async nextExpiry(): Promise<Date | undefined> {
    const row = await this.#read((connection) => SELECT_NEXT_EXPIRY.first(connection, {}))
    const ms = row?.expires_at ?? null
    return ms === null ? undefined : new Date(ms)
  }

  async expiredCalls(at: Date, limit: number): Promise<readonly ExpiredCall[]> {
    return await this.#read((connection) => readExpired(connection, at, limit))
  }

  /** Writes for a running turn, which shows that it could not be written, and writes again. */
  #ofTurn<T>(job: Job<T>): Promise<T> {
    return this.#writer.submit(job, { patienceMs: END_PATIENCE_MS, isUrgent: true })
  }

  async recordUsage(turnId: string, usage: Usage): Promise<CostedTurn | undefined> {
    return await this.#write(() => recordUsageJob(turnId, usage, this.epoch))
  }

  async listEndpoints(onBroken?: (name: string) => void): Promise<readonly StoredEndpoint[]> {
    const rows = await this.#read((connection) => SELECT_ENDPOINTS.all(connection, {}))
    if (onBroken === undefined) return readRows(rows, storedEndpoint, this.#brokenRows.report)
    return rows.flatMap((row) => {
      const endpoint = readable(() => storedEndpoint(row))
      if (endpoint === undefined) onBroken(readable(() => text(row.name)) ?? '')
      return endpoint ?? []
    })
  }

  async putEndpoint(endpoint: StoredEndpoint): Promise<void> {
    await this.#write(() => putEndpointJob(endpoint))
  }

  async deleteEndpoint(name: string): Promise<boolean> {
    return (await this.#write(() => (tx) => DELETE_ENDPOINT.run(tx, { name: toText(name) }))) > 0
  }

  async listSettings(): Promise<ReadonlyMap<string, unknown>> {
    return await this.#read((connection) => readSettings(connection, this.#brokenRows.report))
  }

  async putSetting(name: string, value: unknown): Promise<void> {
    await this.#write(() => putSettingJob(name, value))
  }

  health(): Promise<StoreHealth> {
    // Calls that come meanwhile share one write: a health route must not fill the queue.
    this.#checking ??= this.#health().finally(() => (this.#checking = undefined))
    return this.#checking
  }

  async #health(): Promise<StoreHealth> {
    const found = {
      hasLock: this.#parts.isLocked?.() ?? true,
      queuedWrites: this.#writer.waiting,
    }
    try {
      const job = guarded(probeJob, this.epoch)
      await this.#writer.submit(job, { patienceMs: END_PATIENCE_MS, isUrgent: true })
      return { ...found, canWrite: true }
    } catch (error) {
      return { ...found, canWrite: false, error: errorRecord(error) }
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#writer.close()
    try {
      await this.#database.close()
    } finally {
      this.#parts.release?.()
    }
  }

  /** Writes the beginning of a turn. It is urgent, because a caller waits for it. */
  async #begin(
    makeJob: () => Job<Acceptance | undefined>,
    { conversationId, turnId }: Pick<TurnStart, 'conversationId' | 'turnId'>,
  ): Promise<Exclude<Acceptance, { readonly refusal: unknown }>> {
    const acceptance = await this.#held(makeJob, { isUrgent: true, name: turnId })
    if (acceptance === undefined) throw conversationNotFound(conversationId)
    if ('refusal' in acceptance) throw acceptance.refusal
    return acceptance
  }

  async #write<T>(makeJob: () => Job<T>): Promise<T> {
    return await this.#held(() => guarded(makeJob(), this.epoch), {})
  }

  /**
   * Makes and submits a write once the queue has capacity. A caller that waits has built nothing
   * from its data yet, so any number of them may wait. Only checkpoints and ends of turns are never
   * held back: they do not come here.
   */
  async #held<T>(
    makeJob: () => Job<T>,
    options: Pick<WriteOptions, 'isUrgent' | 'name'>,
  ): Promise<T> {
    const { name } = options
    if (this.#writer.isFull) await this.#writer.capacity({ patienceMs: CAPACITY_PATIENCE_MS, name })
    return await this.#writer.submit(makeJob(), { patienceMs: PATIENCE_MS, ...options })
  }

  async #read<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new ColloquyError('engine-closed', 'The database was closed.')
    }
    return await this.#database.read(work)
  }
}

function notQueued(): ColloquyError {
  return new ColloquyError(
    'turn-not-found',
    'There is no such queued turn any more: another writer ended it, or its conversation was deleted.',
  )
}
