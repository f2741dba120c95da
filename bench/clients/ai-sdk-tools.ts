/** The AI SDK with a tool: `streamText`, which runs it and asks again. Saves nothing. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { isStepCount, jsonSchema, streamText, tool } from 'ai'
import { add, DESCRIPTION, type Numbers, PARAMETERS } from './add-tool.ts'
import { API_KEY, MODEL, type OpenClient } from './client.ts'

export const open: OpenClient = ({ url }) => {
  const provider = createOpenAICompatible({
    name: 'bench',
    baseURL: url,
    apiKey: API_KEY,
    includeUsage: true,
  })
  const tools = {
    add: tool({
      description: DESCRIPTION,
      inputSchema: jsonSchema<Numbers>(PARAMETERS),
      execute: add,
    }),
  }
  return {
    async ask(question, onText) {
      const { textStream } = streamText({
        model: provider(MODEL),
        prompt: question,
        maxRetries: 0,
        tools,
        stopWhen: isStepCount(20),
      })
      let text = ''
      for await (const delta of textStream) {
        text += delta
        onText?.(text.length)
      }
      return text
    },
  }
}
