/** LangChain: `ChatOpenAI.stream`. Saves nothing. */
import { ChatOpenAI } from '@langchain/openai'
import { API_KEY, MODEL, type OpenClient } from './client.ts'

export const open: OpenClient = ({ url }) => {
  const model = new ChatOpenAI({
    model: MODEL,
    apiKey: API_KEY,
    configuration: { baseURL: url },
    maxRetries: 0,
  })
  return {
    async ask(question, onText) {
      let text = ''
      for await (const chunk of await model.stream(question)) {
        if (chunk.text === '') continue
        text += chunk.text
        onText?.(text.length)
      }
      return text
    },
  }
}
