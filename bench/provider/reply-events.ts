/**
 * The events of replies in OpenAI's format, serialised before they are needed.
 *
 * `obfuscation` differs from chunk to chunk, as it does at OpenAI. So a client cannot take one
 * event for a copy of the event before.
 */
import { token } from './prose.ts'

const HEAD = {
  id: 'chatcmpl-C1KMEUDb1vVwsROQUCZTgG6A6vtWo',
  object: 'chat.completion.chunk',
  created: 1_754_432_618,
  model: 'gpt-4o-mini-2024-07-18',
  service_tier: 'default',
  system_fingerprint: 'fp_ff25b2783a',
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
/** OpenAI pads each chunk, so that its length does not reveal the length of its text. */
const PADDED_LENGTH = 12

export class ReplyEvents {
  /** All serialised deltas, one after the other. */
  #bytes = Buffer.alloc(0)
  /** The offset of each delta, and the end of the last one. */
  #starts: number[] = [0]
  #seed = 1

  /** Serialises deltas until there are that many. */
  prepare(deltas: number): void {
    const known = this.#starts.length - 1
    if (deltas <= known) return
    const added: Buffer[] = [this.#bytes]
    let end = this.#bytes.length
    for (let n = known; n < deltas; n += 1) {
      const delta = Buffer.from(this.#delta(token(n)))
      added.push(delta)
      end += delta.length
      this.#starts.push(end)
    }
    this.#bytes = Buffer.concat(added)
  }

  /** The deltas `from` up to, but without, `to`. */
  deltas(from: number, to: number): Buffer {
    return this.#bytes.subarray(this.#starts[from], this.#starts[to])
  }

  /** The chunk before the first delta. */
  readonly role = Buffer.from(
    this.#chunk({ role: 'assistant', content: '', refusal: null }, null, 'k3Vd'),
  )

  /** The chunks after the last delta: a call if there is one, finish reason, usage, end marker. */
  tail(deltas: number, calls = false): Buffer {
    const usage = {
      prompt_tokens: 19,
      completion_tokens: deltas,
      total_tokens: 19 + deltas,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
    }
    return Buffer.from(
      (calls ? this.#call() : '') +
        this.#chunk({}, calls ? 'tool_calls' : 'stop', 'q8Lm') +
        event({ ...HEAD, choices: [], usage, obfuscation: 'X2' }) +
        'data: [DONE]\n\n',
    )
  }

  /** A call of the tool `add`, its arguments in two pieces. */
  #call(): string {
    const called = (fields: object) => ({ tool_calls: [{ index: 0, ...fields }] })
    const head = { id: 'call_Zt8kQ2', type: 'function', function: { name: 'add', arguments: '' } }
    return [head, { function: { arguments: '{"a":1' } }, { function: { arguments: ',"b":2}' } }]
      .map((fields) => this.#chunk(called(fields), null, 'w4Rt'))
      .join('')
  }

  #delta(content: string): string {
    return this.#chunk(
      { content },
      null,
      this.#letters(Math.max(2, PADDED_LENGTH - content.length)),
    )
  }

  #chunk(delta: object, finish: string | null, obfuscation: string): string {
    const choice = { index: 0, delta, logprobs: null, finish_reason: finish }
    return event({ ...HEAD, choices: [choice], usage: null, obfuscation })
  }

  /** The letters are the same in every benchmark run, so that all clients read the same bytes. */
  #letters(count: number): string {
    let letters = ''
    for (let n = 0; n < count; n += 1) {
      this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0
      letters += LETTERS[(this.#seed >>> 16) % LETTERS.length]
    }
    return letters
  }
}

function event(chunk: object): string {
  return `data: ${JSON.stringify(chunk)}\n\n`
}
