/** The AI SDK: `streamText` with its provider for OpenAI-compatible servers. Saves nothing. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { streamText } from 'ai'
import { API_KEY, MODEL, type OpenClient } from './client.ts'

export const open: OpenClient = ({ url }) => {
  const provider = createOpenAICompatible({
    name: 'bench',
    baseURL: url,
    apiKey: API_KEY,
    includeUsage: true,
  })
  return {
    async ask(question, onText) {
      const { textStream } = streamText({ model: provider(MODEL), prompt: question, maxRetries: 0 })
      let text = ''
      for await (const delta of textStream) {
        text += delta
        onText?.(text.length)
      }
      return text
    },
  }
}
