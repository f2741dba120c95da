/**
 * Adds the pictures of one response to the draft, each once. Knows nothing of texts and calls.
 *
 * A picture comes with its item, and again in the final response. Previews of it are not read.
 */
import type { ReplyDraft } from '../../reply-draft.ts'
import { nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { WireRequestInfo } from '../dialect.ts'
import { pictureIn } from '../picture.ts'
import { Maker } from '../provider-fingerprint.ts'

export class ResponsePictures {
  readonly #draft: ReplyDraft
  readonly #maker: Maker
  /** The ids and urls of the pictures so far. Made when needed: most replies have none. */
  #known: Set<string> | undefined

  constructor(draft: ReplyDraft, asked: WireRequestInfo) {
    this.#draft = draft
    this.#maker = new Maker(asked)
  }

  /** Reads a complete item of an image generation. The id of the item goes back with the picture. */
  item(item: WireObject): void {
    const id = nonEmpty(item['id'])
    if (id !== undefined && this.#known?.has(id) === true) return
    const isAdded = this.#add(item, id === undefined ? {} : { type: 'image_generation_call', id })
    if (isAdded && id !== undefined) this.#known?.add(id)
  }

  /** Reads a part of a message, if it is a picture. Returns true if that added one. */
  part(part: WireObject): boolean {
    return this.#add(part, {})
  }

  #add(value: WireObject, source: object): boolean {
    const picture = pictureIn(value, false)
    if (picture === undefined || this.#known?.has(picture.url) === true) return false
    this.#known = (this.#known ?? new Set<string>()).add(picture.url)
    const maker = this.#maker.fingerprint
    this.#draft.file(picture.mediaType, picture.url, { ...source, maker })
    return true
  }
}
