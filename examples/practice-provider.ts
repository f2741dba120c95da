/**
 * A provider on the loopback with the real chat-completions protocol, at reading pace.
 *
 * It serves to try the examples without a key or a network. Its answers are scripted and say so. It
 * stops sending when its client disconnects, as a good provider does.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { practiceAnswer, practiceTitle } from './practice-script.ts'

const MODEL = 'practice'

/** The fields of a request that this provider reads. */
interface Question {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[]
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean }
  readonly tools?: readonly { readonly function?: { readonly name?: string } }[]
}

export interface PracticeProvider {
  /** The base URL of the endpoint. */
  readonly url: string
  readonly model: string
  close(): Promise<void>
}

/** @param wordMs - the delay before each word, in milliseconds */
export async function startPracticeProvider(wordMs = 35): Promise<PracticeProvider> {
  /** How often a question was refused so far, by its messages. */
  const refused = new Map<string, number>()
  const server = createServer((request, response) => {
    serve(request, response, { wordMs, refused }).catch((error: unknown) => {
      if (!response.headersSent) refuse(response, 400, String(error))
      response.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    model: MODEL,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Practice {
  readonly wordMs: number
  readonly refused: Map<string, number>
}

async function serve(request: IncomingMessage, response: ServerResponse, practice: Practice) {
  const route = `${request.method} ${request.url}`
  if (route === 'GET /v1/models') return reply(response, { object: 'list', data: [model()] })
  if (route !== 'POST /v1/chat/completions') return refuse(response, 404, `No ${route} here.`)
  const question = (await json(request)) as Question
  if (!Array.isArray(question.messages)) return refuse(response, 400, 'There are no messages.')
  if (question.stream === true) return streamAnswer(question, response, practice)
  const title = practiceTitle(lastWords(question))
  reply(response, completion(title, usageOf(question, title)))
}

async function streamAnswer(question: Question, response: ServerResponse, practice: Practice) {
  const { wordMs } = practice
  const answer = practiceAnswer(lastWords(question), {
    tools: (question.tools ?? []).map((tool) => tool.function?.name ?? ''),
    result: lastResult(question),
  })
  const { reasoning = '', text, call, refusals = 0, isCut = false } = answer
  if (isRefused(question, refusals, practice)) return refuse(response, 503, 'Busy, as scripted.')
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const send = (data: unknown) => response.write(`data: ${JSON.stringify(data)}\n\n`)

  send(chunk({ role: 'assistant', content: '' }))
  const pieces = [...deltas('reasoning_content', reasoning), ...deltas('content', text)]
  for (const [index, delta] of pieces.entries()) {
    await pause(wordMs, undefined, { signal: gone.signal }).catch(() => {})
    if (gone.signal.aborted) return
    if (isCut && index > pieces.length / 2) return response.destroy()
    send(chunk(delta))
  }
  for (const delta of call === undefined ? [] : callDeltas(call)) send(chunk(delta))
  send(chunk({}, call === undefined ? 'stop' : 'tool_calls'))
  if (question.stream_options?.include_usage === true) {
    send({ ...chunk(), choices: [], usage: usageOf(question, text, reasoning) })
  }
  response.end('data: [DONE]\n\n')
}

/** Counts the refusals of a question, and begins anew after its answer. */
function isRefused({ messages }: Question, refusals: number, { refused }: Practice): boolean {
  if (refusals === 0) return false
  const key = JSON.stringify(messages)
  const count = refused.get(key) ?? 0
  if (count < refusals) refused.set(key, count + 1)
  else refused.delete(key)
  return count < refusals
}

/** A call in two pieces: its name, then its arguments. */
function callDeltas({ name, input }: { readonly name: string; readonly input: object }): object[] {
  const id = `call-${randomUUID()}`
  const first = { index: 0, id, type: 'function', function: { name, arguments: '' } }
  const rest = { index: 0, function: { arguments: JSON.stringify(input) } }
  return [{ tool_calls: [first] }, { tool_calls: [rest] }]
}

/** One delta for each word, with the space before it. */
function deltas(field: string, text: string): Record<string, string>[] {
  return (text.match(/\s*\S+/g) ?? []).map((word) => ({ [field]: word }))
}

function chunk(delta: object = {}, finish_reason: string | null = null) {
  return {
    id: 'chatcmpl-practice',
    object: 'chat.completion.chunk',
    created: seconds(),
    model: MODEL,
    choices: [{ index: 0, delta, finish_reason }],
  }
}

function completion(content: string, usage: object) {
  return {
    id: 'chatcmpl-practice',
    object: 'chat.completion',
    created: seconds(),
    model: MODEL,
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage,
  }
}

function model() {
  return { id: MODEL, object: 'model', created: seconds(), owned_by: 'colloquy' }
}

/** The usage of an answer. Each word counts as one token. */
function usageOf({ messages }: Question, text: string, reasoning = '') {
  const prompt_tokens = words(messages.map(textOf).join(' '))
  const reasoning_tokens = words(reasoning)
  const completion_tokens = reasoning_tokens + words(text)
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    completion_tokens_details: { reasoning_tokens },
  }
}

function lastWords({ messages }: Question): string {
  return textOf(messages.findLast(({ role }) => role === 'user') ?? { content: '' })
}

/** The result of the call that the question ends with. */
function lastResult({ messages }: Question): string | undefined {
  const last = messages.at(-1)
  return last?.role === 'tool' ? textOf(last) : undefined
}

function textOf({ content }: { readonly content: unknown }): string {
  return typeof content === 'string' ? content : JSON.stringify(content ?? '')
}

function words(text: string): number {
  return text.match(/\S+/g)?.length ?? 0
}

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}

function reply(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function refuse(response: ServerResponse, status: number, message: string): void {
  reply(response, { error: { message, type: 'invalid_request_error', code: null } }, status)
}
