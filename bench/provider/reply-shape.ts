/**
 * What a reply is to look like, written into the question.
 *
 * A client needs one url and no knowledge of workloads: whatever it is asked, it passes on.
 */

export interface ReplyShape {
  readonly deltas: number
  /** Between two deltas, each in a write of its own; 0: as fast as the client reads. */
  readonly pauseMs: number
  /** After how many deltas the reply waits for the release. Absent: it does not wait. */
  readonly heldAfter?: number
  /** Whether each delta is a chunk frame of its own, also where many go out in one write. */
  readonly frames?: boolean
}

const QUESTION = /(\d+) deltas, (\d+) ms apart(?:, held after (\d+))?(, framed)?/

export function question({ deltas, pauseMs, heldAfter, frames }: ReplyShape): string {
  const held = heldAfter === undefined ? '' : `, held after ${heldAfter}`
  return `Please say ${deltas} deltas, ${pauseMs} ms apart${held}${frames ? ', framed' : ''}.`
}

/** The shape that a request body asks for: what its last question says. */
export function shapeIn(body: string): ReplyShape | undefined {
  // The last one: a conversation may have asked before.
  const at = body.lastIndexOf('Please say ')
  const [, deltas, pauseMs, heldAfter, frames] = QUESTION.exec(body.slice(at)) ?? []
  if (deltas === undefined || pauseMs === undefined) return undefined
  return {
    deltas: Number(deltas),
    pauseMs: Number(pauseMs),
    ...(heldAfter !== undefined && { heldAfter: Number(heldAfter) }),
    frames: frames !== undefined,
  }
}
