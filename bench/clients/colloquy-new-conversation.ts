/** Colloquy with a new conversation for each question, which `startWith` creates with it. */
import type { OpenClient } from './client.ts'
import { openEngine } from './colloquy-engine.ts'

export const open: OpenClient = async (options) => {
  const engine = await openEngine(options)
  return {
    async ask(question, onText) {
      const turn = await engine.send(crypto.randomUUID(), question, { startWith: {} })
      for await (const snapshot of turn.snapshots()) onText?.(snapshot.text.length)
      return (await turn.reply).message.text
    },
    close: () => engine.close(),
  }
}
