/** The address of the page: `/` for a new conversation, `/c/<id>` for a stored one. */
export function conversationIn(path: string): string | undefined {
  return /^\/c\/([A-Za-z0-9_.~-]{1,200})$/.exec(path)?.[1]
}

export function addressOf(id: string | undefined): string {
  return id === undefined ? '/' : `/c/${id}`
}
