/**
 * Checks that a client got the exact reply. The figures of a client that loses text mean nothing.
 */
import { hashOf, replyText } from '../provider/prose.ts'

const expected = new Map<number, { readonly length: number; readonly hash: string }>()

/** @throws if the text differs, or if too few bytes were counted */
export function checkAnswer(answer: string | number, deltas: number): void {
  let right = expected.get(deltas)
  if (right === undefined) {
    const text = replyText(deltas)
    right = { length: text.length, hash: hashOf(text) }
    expected.set(deltas, right)
  }
  if (typeof answer === 'number') {
    if (answer < right.length) throw new Error(`Only ${answer} bytes of ${deltas} deltas came.`)
    return
  }
  if (answer.length !== right.length || hashOf(answer) !== right.hash) {
    throw new Error(`A reply of ${deltas} deltas came out wrong: ${answer.length} characters.`)
  }
}

/** @throws if the counts differ */
export function checkCount(count: number, expectedCount: number): void {
  if (count !== expectedCount) throw new Error(`${count} came instead of ${expectedCount}.`)
}
