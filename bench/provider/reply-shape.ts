/**
 * The shape of a reply, written into the question.
 *
 * A client needs one URL and knows nothing of workloads: it only passes the question on.
 */

export interface ReplyShape {
  readonly deltas: number
  /** Between two deltas, each in a write of its own. 0: as fast as the client reads. */
  readonly pauseMs: number
  /** The number of deltas before the reply waits for the release. Absent: it does not wait. */
  readonly heldAfter?: number
  /** True if each delta is a chunk frame of its own, even where many go out in one write. */
  readonly frames?: boolean
  /** True if the first reply ends with a call of the tool `add`, and the one to its result with words. */
  readonly calls?: boolean
}

const QUESTION = /(\d+) deltas, (\d+) ms apart(?:, held after (\d+))?(, framed)?(, with a call)?/

export function question({ deltas, pauseMs, heldAfter, frames, calls }: ReplyShape): string {
  const held = heldAfter === undefined ? '' : `, held after ${heldAfter}`
  return `Please say ${deltas} deltas, ${pauseMs} ms apart${held}${frames ? ', framed' : ''}${calls ? ', with a call' : ''}.`
}

/** The shape that a request body asks for. */
export function shapeIn(body: string): ReplyShape | undefined {
  // The last question counts: the history may hold earlier ones.
  const at = body.lastIndexOf('Please say ')
  const [, deltas, pauseMs, heldAfter, frames, calls] = QUESTION.exec(body.slice(at)) ?? []
  if (deltas === undefined || pauseMs === undefined) return undefined
  return {
    deltas: Number(deltas),
    pauseMs: Number(pauseMs),
    ...(heldAfter !== undefined && { heldAfter: Number(heldAfter) }),
    frames: frames !== undefined,
    calls: calls !== undefined && !body.includes('"role":"tool"', at),
  }
}
