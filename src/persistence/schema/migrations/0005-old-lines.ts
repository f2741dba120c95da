/**
 * Rebuilds the tree of a conversation of an earlier schema from the parents of its messages.
 *
 * Only a retry made siblings there: a second reply to the last input. The next input then had one of
 * the replies as its parent. Where that reply says nothing, the earlier versions sent another one in
 * its place, the newest that says something. So it becomes the parent: what a model sees of the
 * conversation stays what it was. Knows no database.
 */

/** A message of the earlier schema, with the parts of a reply as JSON. */
export interface OldMessage {
  readonly n: number
  readonly id: string
  readonly parent_id: string | null
  readonly role: string
  /** Null if it is no reply, or a long one. */
  readonly parts: string | null
}

interface Place {
  readonly branch: number
  readonly depth: number
}

interface PlacedMessage extends Place {
  readonly n: number
  readonly id: string
  readonly parentId: string | null
}

interface OldBranch {
  readonly n: number
  readonly parent: number | null
  readonly forkDepth: number
  readonly activated: number
}

export interface Tree {
  readonly places: readonly PlacedMessage[]
  readonly branches: readonly OldBranch[]
  readonly head: PlacedMessage | undefined
}

/** @param messages - in the order of their positions */
export function treeOf(messages: readonly OldMessage[], headId: string | null): Tree {
  const placed = new Map<string, PlacedMessage>()
  const children = new Map<string | null, OldMessage[]>()
  const taken = new Set<string>()
  const branches: (Omit<OldBranch, 'activated'> & { last: number })[] = []
  let before: OldMessage | undefined

  /** The reply that counted in place of a reply: the newest of its siblings that says something. */
  const counted = (id: string | null): string | null => {
    const message = id === null ? undefined : placed.get(id)
    if (id === null || message === undefined) return id
    const siblings = children.get(message.parentId) ?? []
    const own = siblings.find((sibling) => sibling.id === id)
    if (own === undefined || own.role !== 'assistant' || saysSomething(own)) return id
    return (
      siblings.findLast((reply) => reply.role === 'assistant' && saysSomething(reply))?.id ?? id
    )
  }

  for (const [index, message] of messages.entries()) {
    const { n, id, parent_id } = message
    // Only the first message has no parent. Another program deleted one that is not there: the
    // message before takes its place.
    const isKnown = parent_id !== null && placed.has(parent_id)
    const parentId = isKnown ? counted(parent_id) : (before?.id ?? null)
    const parent = parentId === null ? undefined : placed.get(parentId)
    const depth = (parent?.depth ?? 0) + 1
    let branch = parent?.branch ?? 0
    if (branches.length === 0 || taken.has(`${branch} ${depth}`)) {
      branch = branches.length
      branches.push({
        n: branch,
        parent: parent?.branch ?? null,
        forkDepth: depth - 1,
        last: index,
      })
    }
    const last = branches[branch]
    if (last !== undefined) last.last = index
    taken.add(`${branch} ${depth}`)
    placed.set(id, { n, id, parentId, branch, depth })
    const siblings = children.get(parentId)
    if (siblings === undefined) children.set(parentId, [message])
    else siblings.push(message)
    before = message
  }

  const isHeadKnown = headId !== null && placed.has(headId)
  const isLeaf = isHeadKnown && !children.has(headId)
  const head = isLeaf ? counted(headId) : ((isHeadKnown ? headId : before?.id) ?? null)
  const place = head === null ? undefined : placed.get(head)
  const inOrder = branches.toSorted((one, other) => one.last - other.last).map(({ n }) => n)
  return {
    places: [...placed.values()],
    branches: branches.map(({ n, parent, forkDepth }) => ({
      n,
      parent,
      forkDepth,
      activated: n === place?.branch ? branches.length : inOrder.indexOf(n),
    })),
    head: place,
  }
}

/** Returns true if a reply has more in it than reasoning and blanks. */
function saysSomething({ parts }: OldMessage): boolean {
  if (parts === null) return true
  try {
    const list = JSON.parse(parts) as readonly { readonly type: string; readonly text: string }[]
    return list.some(
      ({ type, text }) => type !== 'reasoning' && (type !== 'text' || text.trim() !== ''),
    )
  } catch {
    return true
  }
}
