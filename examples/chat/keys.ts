/**
 * Reads the bytes of a terminal as keys: letters, named keys, and pasted text as one.
 *
 * A sequence may be split over several reads. Knows nothing of the effect of a key.
 */
export type KeyName =
  | 'enter'
  | 'newline'
  | 'tab'
  | 'backspace'
  | 'delete'
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'home'
  | 'end'
  | 'word-left'
  | 'word-right'
  | 'delete-word'
  | 'delete-next-word'
  | 'delete-to-start'
  | 'delete-to-end'
  | 'yank'
  | 'clear-screen'
  | 'interrupt'
  | 'end-of-input'
  | 'suspend'

export type Key =
  | { readonly key: KeyName }
  | { readonly key: 'text' | 'paste'; readonly text: string }

/** Control characters, by their code. */
const CONTROLS: Readonly<Record<string, KeyName>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\b': 'backspace',
  '\u007F': 'backspace',
  '\u0001': 'home',
  '\u0002': 'left',
  '\u0003': 'interrupt',
  '\u0004': 'end-of-input',
  '\u0005': 'end',
  '\u0006': 'right',
  '\u000B': 'delete-to-end',
  '\u000C': 'clear-screen',
  '\u000E': 'down',
  '\u0010': 'up',
  '\u0015': 'delete-to-start',
  '\u0017': 'delete-word',
  '\u0019': 'yank',
  '\u001A': 'suspend',
}

/** What follows an escape character. */
const SEQUENCES: Readonly<Record<string, KeyName>> = {
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  '[H': 'home',
  '[F': 'end',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  OH: 'home',
  OF: 'end',
  '[1~': 'home',
  '[7~': 'home',
  '[4~': 'end',
  '[8~': 'end',
  '[3~': 'delete',
  '[3;5~': 'delete-next-word',
  '[1;5C': 'word-right',
  '[1;5D': 'word-left',
  '[1;3C': 'word-right',
  '[1;3D': 'word-left',
  '[13;2u': 'newline',
  '[27;2;13~': 'newline',
  b: 'word-left',
  f: 'word-right',
  d: 'delete-next-word',
  '\r': 'newline',
  '\n': 'newline',
  '\u007F': 'delete-word',
  '\b': 'delete-word',
}

const PASTE = '[200~'
const PASTE_END = '\u001B[201~'
// oxlint-disable-next-line no-control-regex -- these are what this file is about
const TEXT = /^[^\u0000-\u001F\u007F-\u009F]+/
/** A sequence, whole or only begun. No sequence is longer than {@link LONGEST}. */
// oxlint-disable-next-line no-control-regex -- these are what this file is about
const SEQUENCE = /^\u001B(\[[0-9;<=>?!"'$ ]*[@-~]|O[@-~]|[^[O])/
const LONGEST = 32

export class Keys {
  #rest = ''
  /** The pieces of a text that is being pasted, and the end of it as far as it was seen. */
  #paste: string[] | undefined
  #tail = ''

  /** The keys in the next characters. */
  read(chunk: string): readonly Key[] {
    const keys: Key[] = []
    let text = this.#rest + chunk
    // An escape key alone has no effect. It is known by what comes in the next read.
    if (this.#rest === '\u001B' && chunk !== '' && !/^[[O]/.test(chunk)) text = chunk
    this.#rest = ''
    while (text !== '')
      text = this.#paste === undefined ? this.#next(text, keys) : this.#pasted(text, keys)
    return keys
  }

  /** Reads one key. Returns the characters after it. */
  #next(text: string, keys: Key[]): string {
    const plain = TEXT.exec(text)?.[0]
    if (plain !== undefined) {
      keys.push({ key: 'text', text: plain })
      return text.slice(plain.length)
    }
    const first = text.slice(0, 1)
    if (first !== '\u001B') {
      const name = CONTROLS[first]
      if (name !== undefined) keys.push({ key: name })
      return text.slice(1)
    }
    const sequence = SEQUENCE.exec(text.slice(0, LONGEST))
    if (sequence === null) {
      if (text.length >= LONGEST) return text.slice(1)
      this.#rest = text
      return ''
    }
    const [whole, name = ''] = sequence
    const rest = text.slice(whole.length)
    if (name === PASTE) this.#paste = []
    else if (Object.hasOwn(SEQUENCES, name)) keys.push({ key: SEQUENCES[name] as KeyName })
    // An escape before a control character, such as Ctrl-C, does not hide it.
    else if (name.length === 1 && name < ' ') return text.slice(1)
    return rest
  }

  /** Reads pasted text up to its end, which may be split. Returns the characters after it. */
  #pasted(text: string, keys: Key[]): string {
    const pieces = this.#paste ?? []
    const seen = this.#tail + text
    const end = seen.indexOf(PASTE_END)
    if (end < 0) {
      const kept = Math.min(seen.length, PASTE_END.length - 1)
      pieces.push(seen.slice(0, seen.length - kept))
      this.#tail = seen.slice(seen.length - kept)
      return ''
    }
    pieces.push(seen.slice(0, end))
    this.#paste = undefined
    this.#tail = ''
    keys.push({ key: 'paste', text: pieces.join('') })
    return seen.slice(end + PASTE_END.length)
  }
}
