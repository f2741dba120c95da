/**
 * The opaque data of a tool that the provider ran: its block or item as it came, marked with its
 * maker and its dialect.
 *
 * Other providers and models refuse such a block, so it goes back to its maker alone. Knows nothing
 * of the formats.
 */
import type { Dialect } from '../../protocol/endpoint.ts'
import type { ProviderToolPart } from '../../protocol/message.ts'
import type { ReplyDraft } from '../reply-draft.ts'
import { isObject } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'
import type { WireRequestInfo } from './dialect.ts'
import { Maker } from './provider-fingerprint.ts'
import { madeBy } from './history/call-mark.ts'

/** Adds the tools of one reply to its draft. */
export class ProviderTools {
  readonly #draft: ReplyDraft
  readonly #dialect: Dialect
  readonly #maker: Maker

  constructor(draft: ReplyDraft, asked: WireRequestInfo) {
    this.#draft = draft
    this.#dialect = asked.target.dialect
    this.#maker = new Maker(asked)
  }

  /** Counts memory that is in no part yet. */
  count(units: number): void {
    this.#draft.count(units)
  }

  /**
   * Returns false if the block is nested too deep to be stored.
   *
   * @param block - the block or item as it came; absent if it was damaged, and is only told
   */
  add(toolName: string, block: WireObject | undefined): boolean {
    return this.#draft.providerTool(toolName, {
      maker: this.#maker.fingerprint,
      dialect: this.#dialect,
      ...(block !== undefined && { block }),
    })
  }
}

/** The block of a part, if the asked provider and model made it in this dialect. */
export function ownBlock(
  { providerData }: ProviderToolPart,
  dialect: Dialect,
  maker: () => string,
): WireObject | undefined {
  const mark = madeBy(providerData, maker)
  if (mark === undefined || mark['dialect'] !== dialect) return undefined
  return isObject(mark['block']) ? mark['block'] : undefined
}
