/**
 * How long reasoning took, as this browser saw it: no message tells it. It outlives a reload, also one in
 * the middle.
 */
const KEPT = 'colloquy-thoughts'
/** Older ones are forgotten. */
const MOST = 200

interface ThoughtTime {
  /** UTC epoch milliseconds. */
  readonly begunAt: number
  readonly tookMs?: number | undefined
}

type Kept = readonly (readonly [key: string, ThoughtTime])[]

/** Notes that a piece of reasoning begins now, unless that is known. */
export function noteThoughtBegin(key: string): void {
  const kept = read()
  if (!kept.some(([each]) => each === key)) write([...kept, [key, { begunAt: Date.now() }]])
}

/** Notes that it ends now, if its beginning was seen. */
export function noteThoughtEnd(key: string): void {
  write(
    read().map(([each, time]) =>
      each === key && time.tookMs === undefined
        ? [each, { ...time, tookMs: Math.max(0, Date.now() - time.begunAt) }]
        : [each, time],
    ),
  )
}

/** The duration in milliseconds, or `undefined` if its beginning or its end was not seen. */
export function thoughtMs(key: string): number | undefined {
  return read().find(([each]) => each === key)?.[1].tookMs
}

let memory: Kept = []

function read(): Kept {
  try {
    const text = localStorage.getItem(KEPT)
    if (text !== null) memory = JSON.parse(text) as Kept
  } catch {
    // The browser keeps nothing for this page, or something else: until a reload it is remembered here.
  }
  return memory
}

function write(kept: Kept): void {
  memory = kept.slice(-MOST)
  try {
    localStorage.setItem(KEPT, JSON.stringify(memory))
  } catch {
    // It is forgotten by a reload: nothing else can be done.
  }
}
