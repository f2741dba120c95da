/** OpenAI's own client: `chat.completions.create` with a stream. Saves nothing. */
import { OpenAI } from 'openai'
import { API_KEY, MODEL, type OpenClient } from './client.ts'

export const open: OpenClient = ({ url }) => {
  const openai = new OpenAI({ baseURL: url, apiKey: API_KEY, maxRetries: 0 })
  return {
    async ask(question, onText) {
      const stream = await openai.chat.completions.create({
        model: MODEL,
        messages: [{ role: 'user', content: question }],
        stream: true,
        stream_options: { include_usage: true },
      })
      let text = ''
      for await (const chunk of stream) {
        const content = chunk.choices[0]?.delta.content
        if (!content) continue
        text += content
        onText?.(text.length)
      }
      return text
    },
  }
}
