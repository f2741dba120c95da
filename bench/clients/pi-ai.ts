/** pi-ai: `stream` with its provider for chat completions. Saves nothing. */
import { type Model, stream } from '@mariozechner/pi-ai'
import { API_KEY, MODEL, type OpenClient } from './client.ts'

export const open: OpenClient = ({ url }) => {
  const model: Model<'openai-completions'> = {
    id: MODEL,
    name: MODEL,
    api: 'openai-completions',
    provider: 'bench',
    baseUrl: url,
    reasoning: false,
    input: ['text'],
    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    contextWindow: 128_000,
    maxTokens: 16_384,
  }
  return {
    async ask(question, onText) {
      const context = {
        messages: [{ role: 'user' as const, content: question, timestamp: Date.now() }],
      }
      let text = ''
      for await (const event of stream(model, context, { apiKey: API_KEY })) {
        if (event.type !== 'text_delta') continue
        text += event.delta
        onText?.(text.length)
      }
      return text
    },
  }
}
