/** TanStack AI: `chat` with its adapter for OpenAI's chat completions. Saves nothing. */
import { chat, EventType } from '@tanstack/ai'
import { createOpenaiChatCompletions } from '@tanstack/ai-openai'
import { API_KEY, MODEL, type OpenClient } from './client.ts'

export const open: OpenClient = ({ url }) => {
  const adapter = createOpenaiChatCompletions(MODEL, API_KEY, { baseURL: url, maxRetries: 0 })
  return {
    async ask(question, onText) {
      let text = ''
      for await (const chunk of chat({
        adapter,
        messages: [{ role: 'user', content: question }],
      })) {
        if (chunk.type !== EventType.TEXT_MESSAGE_CONTENT) continue
        text += chunk.delta
        onText?.(text.length)
      }
      return text
    },
  }
}
