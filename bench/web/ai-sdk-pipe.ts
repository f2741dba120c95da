/** The AI SDK as its guides show it: `streamText`, piped to the response. It saves nothing. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { streamText } from 'ai'
import { API_KEY, MODEL } from '../clients/client.ts'
import { listen, type OpenServer } from './web-server.ts'

export const open: OpenServer = async ({ url }) => {
  const provider = createOpenAICompatible({
    name: 'bench',
    baseURL: url,
    apiKey: API_KEY,
    includeUsage: true,
  })
  const answer = async (...[request, response]: Parameters<Parameters<typeof listen>[0]>) => {
    let body = ''
    for await (const bytes of request) body += String(bytes)
    const { prompt } = JSON.parse(body) as { prompt: string }
    const result = streamText({ model: provider(MODEL), prompt, maxRetries: 0 })
    await result.pipeUIMessageStreamToResponse(response)
  }
  const { port, close } = await listen((request, response) => void answer(request, response))
  return {
    port,
    path: '/chat',
    turnPaths: (count) => Promise.resolve(Array.from({ length: count }, () => '/chat')),
    body: (prompt) => JSON.stringify({ prompt }),
    reply: () => Promise.reject(new Error('A piped reply has one reader.')),
    close,
  }
}
