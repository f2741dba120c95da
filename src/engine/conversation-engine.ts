/**
 * The engine: checks what a host asks, and hands it to the part that does it.
 *
 * Decides nothing about turns. Whether a send may start, what a cancel finds and when a turn has
 * ended is the machines' to say.
 */
import type { Observable } from 'rxjs'
import { ColloquyError } from '../errors.ts'
import type { Feed } from '../feed/feed.ts'
import type { ConversationRecord } from '../protocol/conversation.ts'
import type { EndpointRecord, EngineSettings, ModelPurpose } from '../protocol/endpoint.ts'
import type { ConversationEvent } from '../protocol/event.ts'
import type { Message, Part } from '../protocol/message.ts'
import type { Receipt, TurnRecord } from '../protocol/turn.ts'
import type { Store } from '../persistence/store.ts'
import type { Transport } from '../transport/transport.ts'
import type { Actors } from './actors.ts'
import type {
  CloseOptions,
  Completion,
  CompletionOptions,
  ConversationListOptions,
  ConversationOptions,
  ConversationUpdate,
  EndpointOptions,
  Engine,
  InspectionObserver,
  SendOptions,
  Turn,
} from './api.ts'
import { AIRPLANE, type Binder } from './binding.ts'
import { checked } from './check.ts'
import type { Endpoints } from './endpoints.ts'
import { parseInitialMessage, parseInput } from './input.ts'
import type { OneShots } from './one-shots.ts'
import type { ResolvedOptions } from './options.ts'
import type { Preferences } from './preferences.ts'
import * as requests from './requests.ts'
import type { Run } from './run.ts'
import { cleanTitle } from './title.ts'
import type { Titles } from './titles.ts'
import { TurnHandle } from './turn-handle.ts'
import { conversationNotFound, notSent, type Turns } from './turns.ts'

/** How long saving may take at closing. */
const SAVE_MS = 10_000

/** What an engine is made of. */
export interface EngineParts {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly transport: Transport
  readonly feed: Feed
  readonly endpoints: Endpoints
  readonly preferences: Preferences
  readonly binder: Binder
  readonly turns: Turns
  readonly actors: Actors
  readonly oneShots: OneShots
  readonly titles: Titles
}

export class ConversationEngine implements Engine {
  readonly #parts: EngineParts
  #closing: Promise<void> | undefined

  constructor(parts: EngineParts) {
    this.#parts = parts
  }

  async putEndpoint(name: string, options: EndpointOptions): Promise<EndpointRecord> {
    this.#assertOpen()
    return this.#parts.endpoints.put(name, options)
  }

  async getEndpoint(name: string): Promise<EndpointRecord | undefined> {
    this.#assertOpen()
    return this.#parts.endpoints.get(name)
  }

  async listModels(
    endpoint?: string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly string[]> {
    this.#assertOpen()
    const { signal } = checked(requests.modelsOptions, options, 'listModels')
    const { binder, oneShots } = this.#parts
    return oneShots.listModels(binder.target({ endpoint }), signal)
  }

  async setAirplaneMode(on: boolean): Promise<void> {
    this.#assertOpen()
    checked(requests.switchPosition, on, 'setAirplaneMode')
    const { preferences, oneShots, turns } = this.#parts
    await preferences.setAirplaneMode(on, async () => {
      const isElsewhere = (endpoint: string) => endpoint !== AIRPLANE
      const elsewhere = turns.all.filter(
        ({ bound }) => bound !== undefined && isElsewhere(bound.target.endpoint),
      )
      await Promise.all([
        oneShots.abort(isElsewhere),
        ...elsewhere.map((run) => this.#cancelRun(run)),
      ])
    })
  }

  async setModelPreference(purpose: ModelPurpose, model: string | null): Promise<void> {
    this.#assertOpen()
    checked(requests.modelPurpose, purpose, 'setModelPreference: purpose')
    checked(requests.modelName, model, 'setModelPreference: model')
    await this.#parts.preferences.setModel(purpose, model)
  }

  async getSettings(): Promise<EngineSettings> {
    this.#assertOpen()
    return this.#parts.preferences.settings
  }

  async startConversation(options: ConversationOptions = {}): Promise<ConversationRecord> {
    this.#assertOpen()
    const { options: engine, store } = this.#parts
    const given = checked(requests.conversationOptions, options, 'startConversation')
    const messages = (options.messages ?? []).map((message) => ({
      ...parseInitialMessage(message),
      id: engine.newId(),
    }))
    return store.createConversation({
      ...given,
      id: given.id ?? engine.newId(),
      messages,
      importId: engine.newId(),
      at: this.#now(),
    })
  }

  async getConversation(id: string): Promise<ConversationRecord | undefined> {
    this.#assertOpen()
    checked(requests.conversationId, id, 'getConversation: id')
    return this.#parts.store.getConversation(id)
  }

  async listConversations(
    options: ConversationListOptions = {},
  ): Promise<readonly ConversationRecord[]> {
    this.#assertOpen()
    return this.#parts.store.listConversations(
      checked(requests.listOptions, options, 'listConversations'),
    )
  }

  async updateConversation(id: string, update: ConversationUpdate): Promise<ConversationRecord> {
    this.#assertOpen()
    const { store, feed } = this.#parts
    checked(requests.conversationId, id, 'updateConversation: id')
    const changes = checked(requests.conversationUpdate, update, 'updateConversation')
    const conversation = await store.updateConversation(id, changes, this.#now())
    if (conversation === undefined) throw conversationNotFound(id)
    feed.announce(id, { type: 'conversation.changed', change: 'updated', conversation })
    return conversation
  }

  async deleteConversation(id: string): Promise<void> {
    this.#assertOpen()
    const { store, feed, turns, actors } = this.#parts
    checked(requests.conversationId, id, 'deleteConversation: id')
    for (let run = turns.runningIn(id); run !== undefined; run = turns.runningIn(id)) {
      await this.#cancelRun(run)
    }
    if (!(await store.deleteConversation(id))) throw conversationNotFound(id)
    actors.sleep(id)
    feed.announce(id, { type: 'conversation.changed', change: 'deleted' })
  }

  async listMessages(conversationId: string): Promise<readonly Message[]> {
    this.#assertOpen()
    checked(requests.conversationId, conversationId, 'listMessages: conversation id')
    await this.#existing(conversationId)
    return this.#parts.store.listMessages(conversationId)
  }

  send(
    conversationId: string,
    input: string | readonly Part[],
    options: SendOptions = {},
  ): Promise<Turn> {
    const sending = this.#send(conversationId, input, options)
    // A host may cancel, or send twice, before it awaits this: that must not end its process.
    sending.catch(() => {})
    return sending
  }

  async cancel(
    conversationId: string,
    options: { readonly turnId?: string } = {},
  ): Promise<Receipt> {
    this.#assertOpen()
    checked(requests.conversationId, conversationId, 'cancel: conversation id')
    const { turnId } = checked(requests.cancelOptions, options, 'cancel')
    const { store, turns } = this.#parts
    const run = turns.runningIn(conversationId)
    if (run !== undefined) return this.#cancelRun(run, turnId)
    await this.#existing(conversationId)
    const last =
      turnId === undefined ? await store.lastTurn(conversationId) : await store.getTurn(turnId)
    if (last === undefined || last.conversationId !== conversationId) return nothingRan()
    return restedReceipt(last, await store.replyOf(last.id))
  }

  runningTurn(conversationId: string): Turn | undefined {
    this.#assertOpen()
    const run = this.#parts.turns.runningIn(conversationId)
    if (run?.userMessage === undefined) return undefined
    return new TurnHandle(run, run.userMessage, () =>
      this.cancel(conversationId, { turnId: run.turnId }),
    )
  }

  async getTurn(turnId: string): Promise<TurnRecord | undefined> {
    this.#assertOpen()
    checked(requests.turnId, turnId, 'getTurn: id')
    const { store, turns } = this.#parts
    const run = turns.find(turnId)
    const turn = await store.getTurn(turnId)
    return turn && asItIs(turn, run)
  }

  async listTurns(conversationId: string): Promise<readonly TurnRecord[]> {
    this.#assertOpen()
    const { store, turns } = this.#parts
    checked(requests.conversationId, conversationId, 'listTurns: conversation id')
    await this.#existing(conversationId)
    const run = turns.runningIn(conversationId)
    const stored = await store.listTurns(conversationId)
    return stored.map((turn) => (turn.id === run?.turnId ? asItIs(turn, run) : turn))
  }

  events(conversationId?: string): Observable<ConversationEvent> {
    return this.#parts.feed.events(conversationId)
  }

  async complete(options: CompletionOptions): Promise<Completion> {
    this.#assertOpen()
    const { prompt, system, purpose, endpoint, model, settings, signal } = checked(
      requests.completionOptions,
      options,
      'complete',
    )
    const { binder, oneShots } = this.#parts
    const binding = binder.bind({ purpose, endpoint, model })
    const completion = await oneShots.ask({ binding, prompt, system, settings, signal })
    return purpose === 'title' ? { ...completion, text: cleanTitle(completion.text) } : completion
  }

  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    this.#assertOpen()
    return this.#parts.actors.inspect(observer)
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const { running, timeoutMs } = checked(requests.closeOptions, options, 'close')
    this.#closing ??= this.#close(running, timeoutMs)
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #send(
    conversationId: string,
    input: string | readonly Part[],
    options: SendOptions,
  ): Promise<Turn> {
    this.#assertOpen()
    const { actors, turns, options: engine } = this.#parts
    checked(requests.conversationId, conversationId, 'send: conversation id')
    const given = checked(requests.sendOptions, options, 'send')
    const request = { conversationId, input: parseInput(input), options: given }
    // A turn that lost its machine is still being ended.
    const abandoned = turns.runningIn(conversationId)
    if (abandoned?.isAbandoned === true) {
      await abandoned.over.promise
      this.#assertOpen()
    }
    if (given.signal?.aborted === true) throw notSent()

    const run = turns.create({ ...request, turnId: engine.newId() })
    this.#cancelOn(run, given.signal)
    actors.send(conversationId, { type: 'conversation.send', turnId: run.turnId })
    const message = await run.accepted.promise
    return new TurnHandle(run, message, () => this.cancel(conversationId, { turnId: run.turnId }))
  }

  async #close(running: 'cancel' | 'wait', timeoutMs: number | undefined): Promise<void> {
    const { turns, titles, oneShots, actors, transport, feed, store } = this.#parts
    const over = () => Promise.all(turns.all.map((run) => run.over.promise))
    if (running === 'wait')
      await this.#within(
        timeoutMs ?? Infinity,
        over().then(() => titles.settled()),
      )
    for (const run of turns.all) void this.#cancelRun(run)
    await Promise.all([oneShots.abort(() => true), titles.stop()])
    await this.#within(timeoutMs ?? SAVE_MS, over())
    for (const run of turns.all) actors.send(run.conversationId, { type: 'turn.give-up' })
    await over()
    actors.stop()
    feed.close()
    await Promise.all([transport.close(), store.close()])
  }

  /** Waits for the work, but not longer than that. */
  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const { clock } = this.#parts.options
    const late = Promise.withResolvers<void>()
    const timer = ms === Infinity ? undefined : clock.setTimeout(() => late.resolve(), ms)
    await Promise.race([work, late.promise])
    clock.clearTimeout(timer)
  }

  #cancelOn(run: Run, signal: AbortSignal | undefined): void {
    if (signal === undefined) return
    const cancel = () => void this.#cancelRun(run)
    signal.addEventListener('abort', cancel, { once: true })
    void run.over.promise.then(() => signal.removeEventListener('abort', cancel))
  }

  #cancelRun(run: Run, turnId = run.turnId): Promise<Receipt> {
    const { request, receipt } = run.requestCancel()
    this.#parts.actors.send(run.conversationId, { type: 'turn.cancel', turnId, request })
    return receipt
  }

  async #existing(conversationId: string): Promise<ConversationRecord> {
    const conversation = await this.#parts.store.getConversation(conversationId)
    if (conversation === undefined) throw conversationNotFound(conversationId)
    return conversation
  }

  #now(): Date {
    return new Date(this.#parts.options.clock.now())
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return
    throw new ColloquyError(
      'engine-closed',
      'The engine is closed. Create a new one with createEngine().',
    )
  }
}

/** A running turn is further than its row, until its end is written there. */
function asItIs(turn: TurnRecord, run: Run | undefined): TurnRecord {
  if (turn.status !== 'pending' || run === undefined || run.attempts === 0) return turn
  return { ...turn, status: 'streaming', attempts: run.attempts }
}

function nothingRan(): Receipt {
  return { outcome: 'not-running', from: 'idle', upstreamAborted: false, partialChars: 0 }
}

/** What a cancel of a turn that has ended answers, from what is stored of it. */
function restedReceipt(turn: TurnRecord, reply: Message | undefined): Receipt {
  return {
    outcome: 'already-done',
    from: turn.status,
    upstreamAborted: false,
    ...(reply && { savedMessageId: reply.id }),
    partialChars: reply?.text.length ?? 0,
    ...(turn.usage && { usage: turn.usage }),
  }
}
