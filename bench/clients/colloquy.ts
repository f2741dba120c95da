/**
 * Colloquy with snapshots at the default interval, on an SQLite file with full durability. The
 * question is saved before it is sent, and the reply before its turn is done.
 */
import type { Engine } from '../../src/index.ts'
import type { Client, OpenClient } from './client.ts'
import { openEngine, startConversations } from './colloquy-engine.ts'

export const open: OpenClient = async (options) => clientOf(await openEngine(options))

export function clientOf(engine: Engine): Client {
  let conversations: string[] = []
  return {
    async ready(questions) {
      conversations = await startConversations(engine, questions)
    },
    async ask(question, onText) {
      const conversationId = conversations.pop() ?? (await engine.startConversation()).id
      const turn = await engine.send(conversationId, question)
      for await (const snapshot of turn.snapshots()) onText?.(snapshot.text.length)
      return (await turn.reply).message.text
    },
    close: () => engine.close(),
  }
}
