/** Colloquy, read as deltas through the events of a turn. */
import type { OpenClient } from './client.ts'
import { openEngine, startConversations } from './colloquy-engine.ts'

export const open: OpenClient = async (options) => {
  const engine = await openEngine(options)
  let conversations: string[] = []
  return {
    async ready(questions) {
      conversations = await startConversations(engine, questions)
    },
    async ask(question, onText) {
      const conversationId = conversations.pop() ?? (await engine.startConversation()).id
      const turn = await engine.send(conversationId, question)
      let text = ''
      turn.events.subscribe((event) => {
        if (event.type !== 'reply.delta') return
        for (const delta of event.deltas) if (delta.type === 'text') text += delta.text
        onText?.(text.length)
      })
      await turn.reply
      return text
    },
    close: () => engine.close(),
  }
}
