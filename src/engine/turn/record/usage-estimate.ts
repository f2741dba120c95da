/**
 * Estimates the usage of a cancelled turn, where the provider had no time to report it.
 *
 * Counts the texts of the request and of the reply, with the host's tokenizer if there is one.
 * Without a tokenizer, a token is four bytes of UTF-8: right for English and JSON, near for most
 * languages, and the same on every machine. Each message adds four tokens, which is about the size
 * of the wrapping that providers add. Files are not counted. Knows nothing of dialects or prices.
 */
import type { Part, Usage } from '../../../protocol/message.ts'
import type { ReplyRequest } from '../../../transport/reply-request.ts'
import { ignoreRejection } from '../../options/host-result.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { Step } from '../step/step.ts'

const BYTES_PER_TOKEN = 4
const TOKENS_PER_MESSAGE = 4

export class UsageEstimate {
  readonly #options: ResolvedOptions

  constructor(options: ResolvedOptions) {
    this.#options = options
  }

  /** Adds an estimate to a cancelled turn whose usage is not known. Never rejects. */
  async complete(live: LiveTurn): Promise<void> {
    // Usage is estimated only for a request that was sent and then aborted.
    if (this.#options.usageOnCancel !== 'estimate' || live.outcome !== 'cancelled') return
    const { step } = live
    if (step?.wasAborted !== true || step.end.usage !== undefined) return
    try {
      step.estimated(await this.#of(step, live.replyFeed.stepParts()))
    } catch (error) {
      this.#options.warnings.warn(
        'estimate',
        { err: error },
        'The usage of a cancelled turn could not be estimated.',
      )
    }
  }

  async #of(step: Step, parts: readonly Part[]): Promise<Usage> {
    const request = await step.requestAgain()
    const { model } = request
    const thoughts = this.#sum(parts.filter(isThought).map(textIn), model)
    const said = this.#sum(parts.filter((part) => !isThought(part)).map(textIn), model)
    return {
      inputTokens: this.#input(request),
      outputTokens: thoughts + said,
      ...(thoughts > 0 && { reasoningTokens: thoughts }),
      source: 'estimated',
    }
  }

  #input({ model, system, messages, tools }: ReplyRequest): number {
    const texts = messages.flatMap(({ parts }) =>
      parts.filter((part) => !isThought(part)).map(textIn),
    )
    if (system !== undefined) texts.push(system)
    if (tools !== undefined) texts.push(JSON.stringify(tools))
    const count = messages.length + (system === undefined ? 0 : 1)
    return this.#sum(texts, model) + count * TOKENS_PER_MESSAGE
  }

  #sum(texts: readonly string[], model: string): number {
    let tokens = 0
    for (const text of texts) if (text !== '') tokens += this.#count(text, model)
    return tokens
  }

  #count(text: string, model: string): number {
    const { countTokens, warnings } = this.#options
    try {
      const tokens = countTokens?.(text, model)
      if (tokens === undefined) return tokensByBytes(text)
      if (Number.isSafeInteger(tokens) && tokens >= 0) return tokens
      ignoreRejection(tokens)
      throw new TypeError('countTokens gave something else than a number of tokens.')
    } catch (error) {
      warnings.warn(
        'countTokens',
        { err: error },
        'countTokens failed; tokens are counted by bytes.',
      )
      return tokensByBytes(text)
    }
  }
}

/** The count that is used if the host gave no tokenizer, or if its tokenizer fails. */
function tokensByBytes(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
}

function isThought(part: Part): boolean {
  return part.type === 'reasoning'
}

/** The text of a part that a model reads or writes. */
function textIn(part: Part): string {
  if (part.type === 'text' || part.type === 'reasoning') return part.text
  if (part.type === 'tool-call') return part.toolName + part.inputText
  if (part.type !== 'tool-result') return ''
  return typeof part.output === 'string' ? part.output : (JSON.stringify(part.output) ?? '')
}
